"""The settings and networks that made a folder of outputs, so that runs are never mixed."""

import os
from typing import Any

from affinity_seg import files, structured
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.merge_options import MERGE_WINDOWS
from affinity_seg.modeling import network_folder

FILE_NAME = "fingerprint.json"
_OUTPUT_SUFFIXES = (".tfrecord", "_pred.txt")
"""Suffixes of the outputs that a fingerprint describes."""


def prediction_fingerprint(
    config: InferenceConfig, semantic_dir: str, affinity_dir: str
) -> dict[str, Any]:
    """Returns all that determines the predictions: configuration and networks."""
    return structured.plain(
        {
            **config.fingerprint_fields(),
            "semantic_network": network_folder.network_identity(semantic_dir),
            "affinity_network": network_folder.network_identity(affinity_dir),
        }
    )


def record_fields(config: InferenceConfig, fingerprint: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields that the fingerprint of records must have to be merged with `config`.

    They are those that the predictions depend on, with two exceptions, for which the records may
    hold more than the merge uses:

    - Records of an image and its mirror image can be merged without the mirror image.
    - Zoomed sizes are multiples of `merge_window`, so records of a larger window can be merged with
      a smaller one.

    The regions of interest and their zoomed sizes stay those of the records.
    """
    wanted = structured.plain(config.prediction_fields())
    for flip in ("semantic_flip", "affinity_flip"):
        wanted[flip] = wanted[flip] or fingerprint.get(flip)
    if fingerprint.get("merge_window") in MERGE_WINDOWS:
        wanted["merge_window"] = max(wanted["merge_window"], fingerprint["merge_window"])
    return wanted


def first_difference(found: dict[str, Any], wanted: dict[str, Any]) -> str | None:
    """Returns "`field` is <found>, not <wanted>" for the first field that differs, or None."""
    for name in sorted(set(found) | set(wanted)):
        if found.get(name) != wanted.get(name):
            return f"`{name}` is {found.get(name)!r}, not {wanted.get(name)!r}"
    return None


def check_folder(folder: str, fingerprint: dict[str, Any]) -> None:
    """Checks that the outputs in a folder were made with `fingerprint`.

    Raises:
      ValueError: They were made with another one; the message names the field that differs.
    """
    if not _has_outputs(folder):
        return
    path = os.path.join(folder, FILE_NAME)
    if not os.path.exists(path):
        raise ValueError(
            f"{folder} holds *{' or *'.join(_OUTPUT_SUFFIXES)} files but no {FILE_NAME} that says "
            "what made them. Use another folder."
        )
    difference = first_difference(read(path), fingerprint)
    if difference:
        raise ValueError(
            f"{folder} holds outputs of another run: there {difference}. Use another folder."
        )


def claim_folder(folder: str, fingerprint: dict[str, Any]) -> None:
    """Checks a folder as `check_folder` does and writes `fingerprint` into it.

    Call this when the first output is ready, so that a run which fails before leaves no file.
    """
    check_folder(folder, fingerprint)
    path = os.path.join(folder, FILE_NAME)
    if not os.path.exists(path) or not _has_outputs(folder):
        files.write_json(path, fingerprint)


def read(path: str) -> dict[str, Any]:
    """Reads a fingerprint.

    Raises:
      ValueError: The file is damaged.
    """
    content = structured.read_json(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: a fingerprint must be a mapping: {structured.shown(content)}")
    return content


def _has_outputs(folder: str) -> bool:
    return os.path.isdir(folder) and any(
        name.endswith(_OUTPUT_SUFFIXES) and not name.startswith(".") for name in os.listdir(folder)
    )
