"""Reads the images of a folder as StarDist takes them."""

import glob
import os

import cv2
import numpy as np
from csbdeep.utils import normalize


def names(folder: str) -> list[str]:
    """Returns the names of the images in <folder>/images, sorted."""
    found = glob.glob(os.path.join(folder, "images", "*.png"))
    return sorted(os.path.splitext(os.path.basename(path))[0] for path in found)


def read_image(folder: str, name: str) -> np.ndarray:
    """Returns the mean of an image's channels, float32 [H, W].

    It is normalized by the percentiles of StarDist's own examples.
    """
    pixels = cv2.imread(os.path.join(folder, "images", name + ".png"), cv2.IMREAD_COLOR)
    return normalize(pixels.mean(axis=-1), 1, 99.8).astype(np.float32)


def read_labels(folder: str, name: str) -> np.ndarray:
    """Returns the instance image, int32 [H, W], 0 on the background."""
    path = os.path.join(folder, "instances", name + ".png")
    return cv2.imread(path, cv2.IMREAD_UNCHANGED).astype(np.int32)
