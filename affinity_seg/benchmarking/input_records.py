"""TFRecords of synthetic streets, whole and as crops, for the benchmark of the input."""

import os

import cv2
import numpy as np

from affinity_seg import labels
from affinity_seg.data import listing, streets, tfrecords


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
        for part, path in (("images", item.image_path), ("instances", item.instance_path)):
            pixels = cv2.imread(path, cv2.IMREAD_UNCHANGED)[window]
            cv2.imwrite(os.path.join(crops_dir, part, f"{index:04d}.png"), pixels)
    sets = {
        f"crops of {crop_size}x{crop_size}": listing.list_labelled_images(crops_dir, "folder"),
        f"images of {height}x{width}": whole,
    }
    records = os.path.join(folder, "tfrecords")
    return {
        name: os.path.dirname(
            tfrecords.write_tfrecords(
                items, labels.CITYSCAPES, os.path.join(records, str(i)), "train", 1
            ).paths[0]
        )
        + "/train-*.tfrecord"
        for i, (name, items) in enumerate(sets.items())
    }
