"""Writes synthetic worms, long, thin and crossing, as a data set in layout `folder`."""

import os
from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
import tqdm

from affinity_seg import files
from synthetic import arguments_file

_SPLITS = ("train", "val")
_ARGUMENTS_FILE = "worms.json"
_MIN_SIDE = 64
_SMOOTH = 20  # points of a worm over which its curve changes


class Statistics(NamedTuple):
    """Counts over the worms of a set of images.

    Attributes:
      worms: Worms of which something is seen.
      touching: Those that touch or cross another one.
      in_parts: Those that another one cuts into several parts.
    """

    worms: int
    touching: int
    in_parts: int

    def __add__(self, other: "Statistics") -> "Statistics":
        return Statistics(*(a + b for a, b in zip(self, other, strict=True)))


def render_worms(seed: tuple[int, ...], side: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws one image.

    Each worm is a smooth curve of its own length, width and brightness, tapered at both ends. One
    that is drawn later lies on top of the others.

    Args:
      seed: Chooses everything; the same seed gives the same image.
      side: Height and width, pixels.

    Returns:
      image: uint8 [H, W], grey.
      ids: uint16 [H, W], 1..N inside the worms, 0 outside of them.
    """
    rng = np.random.default_rng(seed)
    rows = np.linspace(-1, 1, side)[:, None]
    slope = rng.uniform(-12, 12, 2)
    image = np.full((side, side), rng.uniform(40, 90)) + slope[0] * rows + slope[1] * rows.T
    ids = np.zeros((side, side), np.uint16)
    count = int(rng.integers(8, 17) * max(1, round((side / 256) ** 2)))
    for number in range(1, count + 1):
        mask = _worm(rng, side)
        depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
        # The edge is darker than the background around it, so that crossings can be seen.
        profile = np.clip(depth / max(float(depth.max()), 1.0), 0, 1) ** 0.7
        body = rng.uniform(15, 35) + rng.uniform(110, 170) * profile
        image = np.where(mask > 0, body, image)
        ids[mask > 0] = number
    image = cv2.GaussianBlur(image, (0, 0), 0.7) + rng.normal(0, 5, image.shape)
    seen = np.unique(ids[ids > 0])
    numbers = np.zeros(count + 1, np.uint16)
    numbers[seen] = np.arange(1, len(seen) + 1)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), numbers[ids]


def statistics_of(ids: np.ndarray) -> Statistics:
    """Counts the worms of one image, uint16 [H, W]."""
    block = np.ones((3, 3), np.uint8)
    touching = parts = 0
    values = np.unique(ids[ids > 0])
    for value in values:
        mask = (ids == value).astype(np.uint8)
        around = ids[cv2.dilate(mask, block) > mask]
        touching += bool((around > 0).any())
        parts += cv2.connectedComponents(mask, connectivity=8)[0] > 2
    return Statistics(len(values), touching, parts)


def write_worms(folder: str, counts: Mapping[str, int], *, seed: int, side: int) -> Statistics:
    """Writes `<folder>/<split>/images/*.png` and `instances/*.png`, and counts the worms.

    The same arguments give the same files; started again, it writes them again.

    Args:
      folder: The data set.
      counts: Images of the splits `train` and `val`.
      seed: Seed of every random choice.
      side: Height and width of the images, pixels.

    Raises:
      ValueError: An argument breaks a rule, or the folder holds images of other arguments.
    """
    if side < _MIN_SIDE:
        raise ValueError(f"`side` must be at least {_MIN_SIDE} pixels: {side}")
    if not any(counts.values()):
        raise ValueError("`train` or `val` must be positive: 0, 0")
    numbers = {split: counts.get(split, 0) for split in _SPLITS}
    arguments = {**numbers, "seed": seed, "side": side}
    arguments_file.claim(folder, _ARGUMENTS_FILE, arguments, _SPLITS[0])
    total = Statistics(0, 0, 0)
    for split, count in numbers.items():
        for index in tqdm.trange(count, desc=split, unit="image", disable=None):
            image, ids = render_worms((seed, _SPLITS.index(split), index), side)
            for part, pixels in (("images", image), ("instances", ids)):
                path = os.path.join(folder, split, part, f"worms_{index:06}.png")
                files.write_bytes(path, cv2.imencode(".png", pixels)[1].tobytes())
            total += statistics_of(ids)
    return total


def _worm(rng: np.random.Generator, side: int) -> np.ndarray:
    """Returns the mask of a worm, uint8 [side, side]; some of it may lie outside of the image."""
    length, radius = int(rng.uniform(60, 160)), rng.uniform(2.5, 4.5)
    turns = rng.normal(0, 0.22, length + 2 * _SMOOTH)
    turns = np.convolve(turns, np.hanning(2 * _SMOOTH + 1) / _SMOOTH, "valid")
    headings = rng.uniform(0, 2 * np.pi) + np.cumsum(turns)
    path = np.cumsum(np.stack([np.cos(headings), np.sin(headings)], 1), 0)
    path += rng.uniform(0, side, 2) - path[length // 2]
    along = np.linspace(-1, 1, length)
    radii = radius * np.sqrt(np.clip(1 - along**4, 0.05, 1))
    mask = np.zeros((side, side), np.uint8)
    for (x, y), one in zip(path, radii, strict=True):
        # Four more bits for the fraction of a pixel.
        cv2.circle(mask, (round(16 * x), round(16 * y)), round(16 * one), 1, -1, cv2.LINE_8, 4)
    return mask
