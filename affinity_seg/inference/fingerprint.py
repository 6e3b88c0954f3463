"""What made a folder of outputs: so that no run mixes with another one."""

import hashlib
import json
import os
from typing import Any

import tensorflow as tf

from affinity_seg import files
from affinity_seg.configs.inference import InferenceConfig

FILE_NAME = "fingerprint.json"


def model_identity(model_dir: str) -> dict[str, str]:
    """Returns name and hash of the latest checkpoint of a trained network.

    The index of a checkpoint holds a checksum of every tensor, so together with the
    network's parameters it identifies the network wherever its folder lies.

    Raises:
      FileNotFoundError: There is no checkpoint.
    """
    checkpoint = tf.train.latest_checkpoint(model_dir)
    if checkpoint is None:
        raise FileNotFoundError(f"`model_dir` must hold a checkpoint; there is none in {model_dir}")
    digest = hashlib.sha256()
    for path in (checkpoint + ".index", os.path.join(model_dir, "params.yaml")):
        with open(path, "rb") as file:
            digest.update(file.read())
    return {"checkpoint": os.path.basename(checkpoint), "sha256": digest.hexdigest()}


def prediction_fingerprint(
    config: InferenceConfig, semantic_dir: str, affinity_dir: str
) -> dict[str, Any]:
    """Returns what shapes the predictions: configuration and networks."""
    return as_json(
        {
            **config.prediction_fields(),
            "semantic_network": model_identity(semantic_dir),
            "affinity_network": model_identity(affinity_dir),
        }
    )


def as_json(content: dict[str, Any]) -> dict[str, Any]:
    """Returns `content` as it comes back from a JSON file: tuples become lists."""
    return json.loads(json.dumps(content))


def first_difference(found: dict[str, Any], wanted: dict[str, Any]) -> str | None:
    """Returns "`field` is <found>, not <wanted>" for the first field that differs, or None."""
    for name in sorted(set(found) | set(wanted)):
        if found.get(name) != wanted.get(name):
            return f"`{name}` is {found.get(name)!r}, not {wanted.get(name)!r}"
    return None


def claim_folder(folder: str, fingerprint: dict[str, Any]) -> None:
    """Marks a folder as made by `fingerprint`, or checks that it was.

    Raises:
      ValueError: The folder was made by something else; the message names the field.
    """
    path = os.path.join(folder, FILE_NAME)
    if not os.path.exists(path):
        files.write_json(path, fingerprint)
        return
    with open(path, encoding="utf-8") as file:
        difference = first_difference(json.load(file), fingerprint)
    if difference:
        raise ValueError(
            f"{folder} holds outputs of another run: there {difference}. Use another folder."
        )
