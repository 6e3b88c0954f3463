"""TFRecords of synthetic streets, whole and as crops, for the benchmark of the input."""

import os
from collections.abc import Sequence

import cv2
import numpy as np
import tensorflow as tf

from affinity_seg import class_tables, common
from affinity_seg.data import checks, listing, tfrecords
from affinity_seg.data.items import Item
from synthetic import streets

_BLUR, _NOISE = 1.0, 0.5
"""Pixels and grey values. They make the files of streets as large as those of Cityscapes are, 2.3
MB on average; as they are rendered, they are larger."""

_FILE = [
    cv2.IMWRITE_PNG_COMPRESSION, 6, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_ALL_FILTERS,
    cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_FILTERED,
]  # fmt: skip
"""How programs write PNG files that shall be small."""


def write_records(
    folder: str,
    *,
    crop_size: int,
    seed: int,
    images: int = 4,
    crops: int = 32,
    height: int = 1024,
    width: int = 2048,
) -> dict[str, str]:
    """Renders streets and writes them as the product does for training, all files as PNG.

    Args:
      folder: Where everything is put.
      crop_size: Side of the crops, pixels, at most `height` and `width`.
      seed: Of the streets and of the places of the crops.
      images: Number of streets.
      crops: Number of crops, cut from the streets in turn.
      height: Of the streets, pixels.
      width: Of the streets, pixels.

    Returns:
      The pattern of each set's TFRecords, by its description.

    Raises:
      ValueError: The crops are larger than the streets.
    """
    if not 1 <= crop_size <= min(height, width):
        raise ValueError(
            f"`crop_size` must be in [1, {min(height, width)}], the sides of the streets: "
            f"{crop_size}"
        )
    streets_dir, crops_dir = os.path.join(folder, "streets"), os.path.join(folder, "crops")
    streets.write_streets(streets_dir, {"train": images}, seed=seed, height=height, width=width)
    whole = listing.list_labelled_images(streets_dir, "cityscapes", "train")
    rng = np.random.default_rng(seed)
    for part in ("images", "instances"):
        os.makedirs(os.path.join(crops_dir, part))
    for index in range(crops):
        item = whole[index % len(whole)]
        top, left = (int(rng.integers(0, side - crop_size + 1)) for side in (height, width))
        window = (slice(top, top + crop_size), slice(left, left + crop_size))
        for part, path in (("images", item.image_path), ("instances", item.truth_path)):
            pixels = cv2.imread(path, cv2.IMREAD_UNCHANGED)[window]
            cv2.imwrite(os.path.join(crops_dir, part, f"{index:04d}.png"), pixels)
    sets = {
        f"crops of {crop_size}x{crop_size}": listing.list_labelled_images(crops_dir, "folder"),
        f"images of {height}x{width}": whole,
    }
    records = os.path.join(folder, "tfrecords")
    return {
        name: _write(items, os.path.join(records, str(i)))
        for i, (name, items) in enumerate(sets.items())
    }


def write_formats(folder: str, streets_dir: str, seed: int) -> dict[str, dict[str, str]]:
    """Writes whole streets twice, in the tiles of the product and each in one piece.

    Args:
      folder: Where everything is put.
      streets_dir: Streets of `write_records`.
      seed: Of a camera's noise.

    Returns:
      The pattern of the TFRecords, by the kind of picture and "one piece" or "tiles".
    """
    rendered = listing.list_labelled_images(streets_dir, "cityscapes", "train")
    kinds = {"rendered": rendered, "camera": _photograph(rendered, folder, seed)}
    patterns = {}
    for kind, items in kinds.items():
        tiled = _write(items, os.path.join(folder, kind, "tiles"))
        whole = os.path.join(folder, kind, "one_piece.tfrecord")
        with tf.io.TFRecordWriter(whole) as writer:
            for item in items:
                writer.write(_in_one_piece(item))
        patterns[kind] = {"one piece": whole, "tiles": tiled}
    return patterns


def _write(items: Sequence[Item], folder: str) -> str:
    """Writes one shard and returns its pattern."""
    tfrecords.write_tfrecords(items, class_tables.CITYSCAPES, folder, "train", 1)
    return os.path.join(folder, "train-*.tfrecord")


def _photograph(items: Sequence[Item], folder: str, seed: int) -> list[Item]:
    """Writes images with the blur and noise of a camera; returns them with the truth they had."""
    rng = np.random.default_rng(seed)
    os.makedirs(os.path.join(folder, "photographs"))
    found = []
    for item in items:
        image = cv2.imread(item.image_path).astype(np.float32)
        image = cv2.GaussianBlur(image, (0, 0), _BLUR) + rng.normal(0, _NOISE, image.shape)
        path = os.path.join(folder, "photographs", f"{item.name}.png")
        cv2.imwrite(path, np.clip(np.rint(image), 0, 255).astype(np.uint8), _FILE)
        found.append(item._replace(image_path=path))
    return found


def _in_one_piece(item: Item) -> bytes:
    """Returns the record of an image whose only tile is the image, PNG files as on disk."""
    checked = checks.read_item(item, class_tables.CITYSCAPES)
    example = tf.train.Example.FromString(tfrecords.serialize(checked))
    feature = example.features.feature
    for key, path in (
        (common.IMAGE_ENCODED, item.image_path),
        (common.INSTANCE_ENCODED, item.truth_path),
    ):
        with open(path, "rb") as file:
            feature[key].bytes_list.value[:] = [file.read()]
    for key, side in zip(
        (common.TILE_HEIGHT, common.TILE_WIDTH), checked.instances.shape, strict=True
    ):
        feature[key].int64_list.value[:] = [side]
    counts = feature[common.INSTANCE_COUNTS].int64_list
    of_value = np.reshape(counts.value, [-1, len(checked.values)]).sum(axis=0)
    counts.value[:] = of_value.tolist()
    return example.SerializeToString()
