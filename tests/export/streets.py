"""Small data sets in the Cityscapes layout, with results made by hand."""

import os

import cv2
import numpy as np
from scenes import BUS, CAR, PERSON, boxes, write_boxes

from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.data import listing

SIZE = (60, 100)
LEFT, RIGHT, BELOW = (0, 0, 20, 30), (0, 40, 20, 70), (30, 0, 50, 30)
NAMES = ("berlin_000000_000019", "berlin_000001_000019", "bonn_000000_000019")


def write_image(data_dir, split, name, size=SIZE, truth=None, pixels=None) -> None:
    """Writes a black image, or `pixels` (RGB), and its truth if there is one."""
    content = np.zeros((*size, 3), np.uint8) if pixels is None else pixels[..., ::-1]
    files = [("leftImg8bit", "_leftImg8bit.png", content)]
    if truth is not None:
        files.append(("gtFine", "_gtFine_instanceIds.png", truth.astype(np.uint16)))
    for kind, suffix, image in files:
        folder = os.path.join(data_dir, kind, split, name.split("_")[0])
        os.makedirs(folder, exist_ok=True)
        assert cv2.imwrite(os.path.join(folder, name + suffix), image)


def write_streets(root, split="val", with_truth=True):
    """Writes three images under `root`/data and their results under `root`/results.

    The first has two cars and a void region, the second a bus and a group of persons, the third
    nothing but a false car. Predictions overlap and lie on void and on the group.

    Returns:
      The items and the folder of results.
    """
    places = boxes(*SIZE, LEFT, RIGHT, BELOW)
    truths = [
        np.array([7, 26000, 26001, 0])[places],
        np.array([7, 28000, 24, 7])[places],
        np.full(SIZE, 7),
    ]
    for name, truth in zip(NAMES, truths, strict=True):
        write_image(root / "data", split, name, truth=truth if with_truth else None)
    items = listing.list_images(str(root / "data"), "cityscapes", split)
    results_dir = str(root / "results")
    predictions = (
        [
            (CAR, 0.9, LEFT),
            (CAR, 0.75, (0, 25, 20, 60)),
            (CAR, 0.5, RIGHT),
            (BUS, 0.6, BELOW),
        ],
        [(BUS, 1 / 3, (0, 0, 16, 30)), (PERSON, 0.7, RIGHT), (PERSON, 0.2, BELOW)],
        [(CAR, 0.1, LEFT)],
    )
    for item, found in zip(items, predictions, strict=True):
        write_boxes(results_dir, item, CITYSCAPES, SIZE, *found)
    return items, results_dir
