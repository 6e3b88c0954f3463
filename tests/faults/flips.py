"""TFRecords with a flipped byte: every one must be noticed as damaged, or say the same."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from affinity_seg import class_tables
from affinity_seg.data import graph_examples, listing, record_damage, tfrecords
from affinity_seg.pipeline import records
from faults import table
from faults.scene import Scene

STEP = 10
"""Every how many bytes one is flipped."""


def prediction_record(record: str, scratch: str, seed: int, step: int = STEP) -> table.Row:
    """Flips bytes of a prediction record and reads it.

    Args:
      record: Path of a record.
      scratch: Folder for the damaged one.
      seed: Of what the bytes become.
      step: Every how many bytes.
    """
    path = os.path.join(scratch, os.path.basename(record))
    return _flip("prediction record", record, path, _read_prediction, seed, step)


def training_record(scene: Scene, scratch: str, seed: int, step: int = STEP) -> table.Row:
    """Flips bytes of a shard of training examples and reads it as training does.

    Args:
      scene: Its small image is the shard.
      scratch: Folder for the shards.
      seed: Of what the bytes become.
      step: Every how many bytes.
    """
    items = listing.list_labelled_images(scene.small_dir, "folder")
    folder = os.path.join(scratch, "shard")
    shard = tfrecords.write_tfrecords(items, class_tables.CITYSCAPES, folder, "train", 1).paths[0]
    path = os.path.join(scratch, os.path.basename(shard))
    return _flip("training examples", shard, path, _read_training, seed, step)


def _flip(
    kind: str, source: str, path: str, read: Callable[[str], Any], seed: int, step: int
) -> table.Row:
    """Flips bytes of `source` into `path` one after the other and reads each."""
    with open(source, "rb") as file:
        content = file.read()
    rng = np.random.default_rng(seed)
    lost, unnamed, message, problems = 0, 0, "", []
    with open(path, "wb") as file:
        file.write(content)
    whole = read(path)
    positions = range(0, len(content), step)
    for position in positions:
        damaged = bytearray(content)
        damaged[position] ^= int(rng.integers(1, 256))
        with open(path, "wb") as file:
            file.write(damaged)
        try:
            found = read(path)
        except (OSError, ValueError) as error:
            message = str(error)
            if path not in message:
                unnamed += 1
                problems.append(f"{kind}, byte {position}: {message}")
            continue
        if found != whole:
            lost += 1
            problems.append(f"{kind}, byte {position}: taken without a word")
    what = f"{kind}: a flipped byte at every {step}th place"
    shown = table.shown(message, os.path.dirname(path))
    return table.Row(what, len(positions), lost, 0, unnamed, shown, tuple(problems))


def _read_prediction(path: str) -> Any:
    """Returns all that a record holds in a form that can be compared."""
    record = records.read_record(path)
    prediction = record.prediction
    regions = [
        [
            (region.region.group, region.region.box, region.zoomed_size),
            *_bytes(region.region.mask, region.semantic_logits, region.affinity_logits),
        ]
        for region in prediction.regions
    ]
    sizes = prediction.height, prediction.width, prediction.distances
    strides = prediction.semantic_stride, prediction.affinity_stride
    return record[:-1], sizes, strides, _bytes(prediction.semantic_logits), regions


def _read_training(path: str) -> Any:
    """Returns the decoded examples of a shard."""
    with record_damage.damage_named(path):
        examples = tf.data.TFRecordDataset(path).map(graph_examples.decode).as_numpy_iterator()
        return [
            (*_bytes(example["image"], example["instances"]), example["filename"])
            for example in examples
        ]


def _bytes(*arrays: np.ndarray) -> list[tuple]:
    return [(array.dtype, array.shape, array.tobytes()) for array in arrays]
