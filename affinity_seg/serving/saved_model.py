"""Writes the exported model: SavedModel, warm-up requests, preset and class table."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf
import yaml
from absl import logging

from affinity_seg import class_tables, files, labels, structured, version
from affinity_seg.configs.choices import EXPORT_KINDS
from affinity_seg.configs.inference import InferenceConfig, load_config
from affinity_seg.pipeline.filters import KEEP_ALL
from affinity_seg.pipeline.segmenter import Segmenter
from affinity_seg.serving import signatures

EXTRA = "assets.extra"
PRESET_FILE = "preset.yaml"
WARMUP_FILE = "tf_serving_warmup_requests"
"""File in `EXTRA` from which TensorFlow Serving reads warm-up requests."""


def write(
    segmenter: Segmenter,
    folder: str,
    *,
    kind: str = EXPORT_KINDS[0],
    model_name: str = "affinity_seg",
    warmup: bool = True,
) -> Sequence[str]:
    """Writes an exported model.

    Args:
      segmenter: The pipeline; the exported model contains this object.
      folder: New or empty folder of the SavedModel; it appears when it is complete.
      kind: One of `configs.choices.EXPORT_KINDS`: the whole pipeline, or
        the networks alone, which need no custom op.
      model_name: Name under which the model is served, for the warm-up requests.
      warmup: Whether warm-up requests are written; needs the extra `serving`.

    Returns:
      The names of its signatures.

    Raises:
      FileExistsError: `folder` is not empty.
      ValueError: `kind` is unknown, or a filter is given for the networks alone.
    """
    if kind not in EXPORT_KINDS:
        raise ValueError(f"`kind` must be one of {EXPORT_KINDS}: {kind!r}")
    instance_filter = segmenter.merger.instance_filter
    with files.atomic_folder(folder) as temporary:
        if kind == "instances":
            server = signatures.InstanceServer(segmenter)
        elif instance_filter != KEEP_ALL:
            raise ValueError("kind 'networks' has no instances to filter")
        else:
            server = signatures.NetworkServer(segmenter)
        functions = server.signatures()
        with _quiet():
            tf.saved_model.save(server, temporary, signatures=functions)
        extra = os.path.join(temporary, EXTRA)
        table = class_tables.as_yaml(segmenter.class_table)
        files.write_bytes(os.path.join(extra, class_tables.TABLE_FILE), table)
        preset = yaml.safe_dump(structured.plain(dataclasses.asdict(segmenter.config)))
        files.write_bytes(os.path.join(extra, PRESET_FILE), preset.encode())
        files.write_json(
            os.path.join(extra, "export.json"),
            {
                "affinity_seg": version.__version__,
                "tensorflow": tf.__version__,
                "kind": kind,
                "filter": instance_filter._asdict(),
                "semantic_network": segmenter.networks[0].identity,
                "affinity_network": segmenter.networks[-1].identity,
            },
        )
        if warmup:
            inputs = signatures.warmup_inputs(segmenter.num_channels)
            wanted = {name: inputs[name] for name in functions}
            _write_warmup(os.path.join(extra, WARMUP_FILE), model_name, wanted)
    return list(functions)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps TensorFlow from listing every variable of the model."""
    before = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def newest_version(folder: str) -> str:
    """Returns the folder of a SavedModel: `folder`, or its subfolder with the largest number.

    Raises:
      FileNotFoundError: There is no SavedModel.
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"no folder of an exported model: {folder}")
    found = find_version(folder)
    if found is None:
        raise FileNotFoundError(
            f"{folder}: neither saved_model.pb nor a version, `affinity_seg export` writes one"
        )
    return found


def find_version(folder: str) -> str | None:
    """Returns the same as `newest_version`, but None if there is no SavedModel."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    numbers = sorted((int(name) for name in names if name.isdecimal()), reverse=True)
    for path in [folder, *(os.path.join(folder, str(number)) for number in numbers)]:
        if os.path.isfile(os.path.join(path, "saved_model.pb")):
            return path
    return None


def read_extra(folder: str, name: str) -> dict:
    """Returns a YAML or JSON file that was written along with an exported model.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: The file is damaged.
    """
    path = os.path.join(folder, EXTRA, name)
    read = structured.read_json if name.endswith(".json") else structured.read_yaml
    content = read(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: must be a mapping: {structured.shown(content)}")
    return content


def read_class_table(folder: str) -> labels.ClassTable:
    """Returns the classes of an exported model."""
    return class_tables.load_class_table(os.path.join(folder, EXTRA, class_tables.TABLE_FILE))


def read_config(folder: str) -> InferenceConfig:
    """Returns the preset of an exported model, with its changes."""
    return load_config(os.path.join(folder, EXTRA, PRESET_FILE))


def identity(folder: str) -> dict[str, Any]:
    """Returns all that determines the results of an exported model: parameters and hashes.

    The index of the variables holds a checksum of each variable.
    """
    content = {
        key: files.sha256(os.path.join(folder, *path))
        for key, path in (
            ("saved_model", ["saved_model.pb"]),
            ("variables", ["variables", "variables.index"]),
        )
    }
    return {**read_extra(folder, PRESET_FILE), **read_extra(folder, "export.json"), **content}


def _write_warmup(path: str, model_name: str, inputs: dict[str, tuple[str, Any]]) -> None:
    """Writes a request for each signature, which a server runs before it reports to be ready."""
    try:
        from tensorflow_serving.apis import prediction_log_pb2
    except ImportError as error:
        raise ValueError(
            "warm-up requests need `pip install 'affinity-seg[serving]'`; "
            "--nowarmup exports without them"
        ) from error

    with files.atomic_path(path) as temporary, tf.io.TFRecordWriter(temporary) as writer:
        for name, (key, value) in inputs.items():
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = model_name
            request.model_spec.signature_name = name
            request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            writer.write(log.SerializeToString())
