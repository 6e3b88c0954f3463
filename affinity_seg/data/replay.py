"""The images that a model was trained on, kept in its folder for trainings that start from it.

A training on images of another kind makes a network forget the images that it knew. If it sees
some of them again beside the new ones, it keeps them: they are replayed. The folder of a model has
TFRecords of the images that it was trained on, `TRAIN`, and of those that were replayed then.
"""

import os
from collections.abc import Iterator

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
    return sum(1 for _ in _records(model))


def write(model: str, output_dir: str, split: str, most: int) -> int:
    """Copies some of the images that the folder of a model has into the folder of another one.

    Args:
      model: Folder of the model that was trained on them.
      output_dir: Folder of the other model.
      split: First part of the shard's name there.
      most: Number of images at most; they are spread evenly over all.

    Returns:
      The number of images.

    Raises:
      ValueError: A file is damaged.
    """
    chosen = set(sampling.spread(range(count(model)), most))
    if not chosen:
        return 0
    [path] = tfrecords.shard_paths(os.path.join(output_dir, RECORDS), split, 1, len(chosen))
    with files.atomic_path(path) as temporary, tf.io.TFRecordWriter(temporary) as writer:
        for index, record in enumerate(_records(model)):
            if index in chosen:
                writer.write(record)
    return len(chosen)


def passes(num_new: int, num_replayed: int, share: float) -> tuple[int, int]:
    """Returns how often new and replayed images are read in one epoch.

    Args:
      num_new: Number of new images.
      num_replayed: Number of replayed ones.
      share: What the replayed ones are to be of all that is read, in (0, 1).
    """
    ratio = share / (1 - share) * num_new / num_replayed
    return (1, round(ratio)) if ratio >= 1 else (round(1 / ratio), 1)


def _records(model: str) -> Iterator[bytes]:
    """Yields the records of a model's folder."""
    for split in (TRAIN, REPLAYED):
        shards = pattern(model, split)
        paths = sorted(tf.io.gfile.glob(shards))
        with record_damage.damage_named(shards):
            for record in tf.data.TFRecordDataset(paths) if paths else ():
                yield record.numpy()
