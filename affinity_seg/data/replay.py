"""The images that a model was trained on, kept in its folder for trainings that start from it.

A training on images of another kind makes a network forget the images that it knew. If some of
these are replayed, trained on again beside the new ones, it keeps them. So the folder of a model
has TFRecords of the images that it was trained on, `TRAIN`, and of those of an earlier model that
were replayed in its training, `REPLAYED`.
"""

import os
from collections.abc import Container, Iterator

import tensorflow as tf

from affinity_seg import files
from affinity_seg.data import record_damage, sampling, tfrecords

RECORDS = "tfrecords"
"""The folder of the records, in the folder of a model."""

TRAIN, REPLAYED = "train", "replayed"
"""First parts of the shards' names."""


def pattern(model: str, split: str) -> str:
    """Returns the pattern of the shards of a split in the folder of a model."""
    return os.path.join(os.path.abspath(model), RECORDS, f"{split}-*.tfrecord")


def count(model: str) -> int:
    """Returns how many images the folder of a model has that can be replayed.

    Raises:
      ValueError: A file is damaged.
    """
    return sum(map(_count, _shards(model).values()))


def write(model: str, output_dir: str, split: str, most: int) -> int:
    """Copies some of the images that the folder of a model has into the folder of another one.

    Half of them are images that the model was trained on, half of them those that were replayed
    then, as far as there are so many. Of each part they are spread evenly.

    Args:
      model: Folder of the model that was trained on them.
      output_dir: Folder of the other model.
      split: First part of the shard's name there.
      most: Number of images at most.

    Returns:
      The number of images.

    Raises:
      ValueError: There are none, or a file is damaged or of an older version.
    """
    shards = _shards(model)
    own, earlier = (_count(shards[part]) for part in (TRAIN, REPLAYED))
    num_earlier = min(earlier, max(most // 2, most - own))
    chosen = {
        TRAIN: set(sampling.spread(range(own), min(own, most - num_earlier))),
        REPLAYED: set(sampling.spread(range(earlier), num_earlier)),
    }
    number = sum(map(len, chosen.values()))
    if not number:
        raise ValueError(f"{os.path.join(model, RECORDS)}: there must be images to replay: 0")
    [path] = tfrecords.shard_paths(os.path.join(output_dir, RECORDS), split, 1, number)
    with files.atomic_path(path) as temporary, tf.io.TFRecordWriter(temporary) as writer:
        for part, indices in chosen.items():
            for record in _chosen_records(shards[part], indices):
                writer.write(record)
    return number


def _chosen_records(paths: list[str], indices: Container[int]) -> Iterator[bytes]:
    """Yields the records of TFRecord files that have these indices, and can be replayed."""
    for index, (path, record) in enumerate(_records(paths)):
        if index not in indices:
            continue
        fault = record_damage.find_fault(record)
        if fault is not None:
            raise ValueError(f"{path}: a record cannot be replayed: {fault}")
        yield record


def _shards(model: str) -> dict[str, list[str]]:
    """Returns the paths of a model's shards, by the first part of their names."""
    folder = os.path.join(model, RECORDS)
    is_there = os.path.isdir(folder)
    return {
        part: tfrecords.find_shards(folder, part) if is_there else [] for part in (TRAIN, REPLAYED)
    }


def _count(paths: list[str]) -> int:
    return sum(1 for _ in _records(paths))


def _records(paths: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yields path and record of all records of TFRecord files."""
    for path in paths:
        try:
            for record in tf.data.TFRecordDataset(path):
                yield path, record.numpy()
        except tf.errors.DataLossError as error:
            raise ValueError(f"{path}: the file is damaged or cut off") from error
