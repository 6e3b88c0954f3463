"""Prediction records: one TFRecord per image, logits at the networks' strides.

Schema, version 3. The first example describes the image:

    schema_version                int64 [1]
    name, filename                bytes [1]: key of the image, and its file in the data set
    image_sha256                  bytes [1]: `Item.image_sha256`, hexadecimal
    height, width                 int64 [1], pixels
    fingerprint                   bytes [1]: JSON, what made the prediction
    class_table                   bytes [1]: JSON, fields of labels.ClassTable
    distances                     int64 [D], pixels
    semantic_stride, affinity_stride  int64 [1], pixels per logit
    num_regions                   int64 [1]
    semantic_logits               array [F, h, w, K], of the full image

Then one example for each region of interest, in order:

    group                         int64 [1], super-class; 0: any
    box                           int64 [4]: y0, x0, y1, x1, ends exclusive, pixels
    zoomed_size                   int64 [2]: height and width the networks saw, pixels
    mask                          bytes [1]: PNG of the box, 255 in the grown region
    semantic_logits               array [F, h, w, K]
    affinity_logits               array [F, h, w, 8 * D]

F is 2 with flips (plain, mirrored), else 1. An array is stored as its little-endian bytes, C order,
with its shape and its type, float16 or float32, under the same key with "_shape" and "_dtype".
A record is written whole or not at all.
"""

import dataclasses
import json
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from affinity_seg import files, names, structured
from affinity_seg.class_tables import table_from_fields
from affinity_seg.data import picture_headers, tf_examples
from affinity_seg.data.tf_examples import Example
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline.predictions import ImagePrediction, RegionPrediction
from affinity_seg.pipeline.regions import Region

SCHEMA_VERSION = 3
SUFFIX = ".tfrecord"


_DTYPES = ("float16", "float32")

_DAMAGE = (ValueError, TypeError, LookupError, DecodeError, cv2.error, tf.errors.OpError)
"""Errors that reading a damaged file raises."""


class UnusableRecordError(ValueError):
    """A file is not a prediction record of this version, or is damaged; the message names it."""


class Record(NamedTuple):
    """A prediction, with its image, fingerprint and class table.

    Attributes:
      name: Key of the image.
      filename: File of the image, relative to the data set's image folder.
      image_sha256: Hash of the image's file and of what was chosen of it, `Item.image_sha256`.
      fingerprint: Settings and networks, see `fingerprint.prediction_fingerprint`.
      class_table: The classes of the semantic network.
      prediction: The prediction.
    """

    name: str
    filename: str
    image_sha256: str
    fingerprint: dict[str, Any]
    class_table: ClassTable
    prediction: ImagePrediction


def record_path(folder: str, name: str) -> str:
    """Returns the path of an image's record."""
    return names.find(os.path.join(folder, name + SUFFIX))


def mean_size(folder: str, images: Sequence[str]) -> float:
    """Returns the mean file size of the records of the named images, bytes; 0 without an image."""
    sizes = [os.path.getsize(record_path(folder, name)) for name in images]
    return sum(sizes) / max(len(sizes), 1)


def list_records(folder: str) -> list[str]:
    """Returns the names of the images that have a record, sorted.

    Raises:
      FileNotFoundError: The folder is missing or holds no record.
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"the folder of predictions does not exist: {folder}")
    found = sorted(
        {
            names.normalized(file[: -len(SUFFIX)])
            for file in os.listdir(folder)
            if file.endswith(SUFFIX) and not file.startswith(".")
        }
    )
    if not found:
        raise FileNotFoundError(f"no prediction record *{SUFFIX} in {folder}")
    return found


def write_record(path: str, record: Record) -> None:
    """Writes a record atomically."""
    prediction = record.prediction
    header = {
        "schema_version": tf_examples.of_ints(SCHEMA_VERSION),
        "name": tf_examples.of_bytes(record.name.encode()),
        "filename": tf_examples.of_bytes(record.filename.encode()),
        "image_sha256": tf_examples.of_bytes(record.image_sha256.encode()),
        "height": tf_examples.of_ints(prediction.height),
        "width": tf_examples.of_ints(prediction.width),
        "fingerprint": tf_examples.of_bytes(json.dumps(record.fingerprint).encode()),
        "class_table": tf_examples.of_bytes(
            json.dumps(dataclasses.asdict(record.class_table)).encode()
        ),
        "distances": tf_examples.of_ints(*prediction.distances),
        "semantic_stride": tf_examples.of_ints(prediction.semantic_stride),
        "affinity_stride": tf_examples.of_ints(prediction.affinity_stride),
        "num_regions": tf_examples.of_ints(len(prediction.regions)),
        **_array("semantic_logits", prediction.semantic_logits),
    }
    with files.atomic_path(path) as temporary, tf.io.TFRecordWriter(temporary) as writer:
        writer.write(tf_examples.serialize(header))
        for item in prediction.regions:
            mask = cv2.imencode(".png", np.where(item.region.mask, 255, 0).astype(np.uint8))[1]
            example = {
                "group": tf_examples.of_ints(item.region.group),
                "box": tf_examples.of_ints(*item.region.box),
                "zoomed_size": tf_examples.of_ints(*item.zoomed_size),
                "mask": tf_examples.of_bytes(mask.tobytes()),
                **_array("semantic_logits", item.semantic_logits),
                **_array("affinity_logits", item.affinity_logits),
            }
            writer.write(tf_examples.serialize(example))


def read_record(path: str) -> Record:
    """Reads a record completely, so that any damage is found.

    Raises:
      FileNotFoundError: There is no such file.
      UnusableRecordError: The file is damaged or of another version.
      ValueError: The file is not named after the image that it holds, or that name is not allowed.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f"the prediction record does not exist: {path}")
    try:
        record = _parse(_read_examples(path))
    except _DAMAGE as error:
        # The messages of TensorFlow's own errors are about its operations, not about the file.
        is_own = not isinstance(error, tf.errors.OpError | DecodeError)
        reason = error if is_own else "it is damaged or cut off"
        raise UnusableRecordError(
            f"{path}: not a prediction record that can be read, run `affinity_seg segment` again: "
            f"{reason}"
        ) from error
    names.check(record.name, path)
    if names.normalized(os.path.basename(path)) != record.name + SUFFIX:
        raise ValueError(
            f"{path}: the record of an image must be named after it, {record.name + SUFFIX}"
        )
    return record


def check_image(record_path: str, record: Record, image_path: str, image_sha256: str) -> None:
    """Raises ValueError unless a record was made from the image file as it is now.

    Args:
      record_path: File of the record, for messages.
      record: The record.
      image_path: The image file.
      image_sha256: Its hash, see `Item.image_sha256`.
    """
    if record.image_sha256 != image_sha256:
        raise ValueError(
            f"{record_path}: the prediction is not of the image {image_path}, whose content "
            "differs. Use the folder of predictions of this data set, or delete the record and "
            "run `affinity_seg segment` again."
        )


def _parse(found: list[Example]) -> Record:
    header = found[0]
    num_regions = header.int("num_regions")
    if len(found) != 1 + num_regions:
        raise ValueError(f"it must hold {num_regions} regions: {len(found) - 1}")
    height, width = header.int("height"), header.int("width")
    picture_headers.check_size("fields 'height' and 'width'", height, width)
    prediction = ImagePrediction(
        height=height,
        width=width,
        semantic_stride=header.int("semantic_stride"),
        affinity_stride=header.int("affinity_stride"),
        distances=header.ints("distances"),
        semantic_logits=_read_array(header, "semantic_logits"),
        regions=[_read_region(example, height, width) for example in found[1:]],
    )
    return Record(
        name=names.normalized(header.bytes("name").decode()),
        filename=header.bytes("filename").decode(),
        image_sha256=header.bytes("image_sha256").decode(),
        fingerprint=structured.parse_json(header.bytes("fingerprint"), "field 'fingerprint'"),
        class_table=table_from_fields(
            structured.parse_json(header.bytes("class_table"), "field 'class_table'")
        ),
        prediction=prediction,
    )


def _read_array(example: Example, key: str) -> np.ndarray:
    name = example.bytes(key + "_dtype").decode()
    if name not in _DTYPES:
        raise ValueError(f"field '{key}_dtype' must be one of {_DTYPES}: {name!r}")
    dtype = np.dtype(name).newbyteorder("<")
    values = np.frombuffer(example.bytes(key), dtype).reshape(example.ints(key + "_shape"))
    return values.astype(dtype.newbyteorder("="), copy=False)


def _read_examples(path: str) -> list[Example]:
    """Reads all examples and checks the version."""
    dataset = tf.data.TFRecordDataset(path)
    found = [Example(serialized) for serialized in dataset.as_numpy_iterator()]
    if not found:
        raise ValueError("it is empty")
    version = found[0].int("schema_version")
    if version != SCHEMA_VERSION:
        raise ValueError(f"`schema_version` must be {SCHEMA_VERSION}: {version}")
    return found


def _read_region(example: Example, height: int, width: int) -> RegionPrediction:
    y0, x0, y1, x1 = box = example.ints("box")
    if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
        raise ValueError(f"field 'box' must lie in the image, {height}x{width}: {box}")
    png = example.bytes("mask")
    size = picture_headers.declared_size("field 'mask'", png, ("PNG",))
    if size != (y1 - y0, x1 - x0):
        raise ValueError(f"field 'mask' must have the size of its box, {box}: {size}")
    mask = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    if mask is None:
        raise ValueError("field 'mask' is damaged")
    return RegionPrediction(
        region=Region(group=example.int("group"), box=box, mask=mask > 0),
        zoomed_size=example.ints("zoomed_size"),
        semantic_logits=_read_array(example, "semantic_logits"),
        affinity_logits=_read_array(example, "affinity_logits"),
    )


def _array(key: str, values: np.ndarray) -> dict[str, tf.train.Feature]:
    return {
        key: tf_examples.of_bytes(
            values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
        ),
        key + "_shape": tf_examples.of_ints(*values.shape),
        key + "_dtype": tf_examples.of_bytes(values.dtype.name.encode()),
    }
