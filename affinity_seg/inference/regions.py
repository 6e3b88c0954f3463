"""Regions of interest: where instances may be, and at which zoom to look (paper 4.1, 4.3, 4.5)."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from affinity_seg.configs.inference import InferenceConfig


class Region(NamedTuple):
    """A region of interest.

    Attributes:
      group: Super-class whose instances it holds; 0: any.
      box: (y0, x0, y1, x1), ends exclusive, pixels of the image.
      mask: bool [y1 - y0, x1 - x0], the grown region.
    """

    group: int
    box: tuple[int, int, int, int]
    mask: np.ndarray


def find_regions(
    probabilities: np.ndarray, groups: Sequence[int], config: InferenceConfig
) -> list[Region]:
    """Finds the regions of interest of an image.

    With partition, a pixel belongs to the super-class that wins by summed probabilities;
    without, to the foreground if its winning class is not background. Cells with such a
    pixel form 8-connected regions, ordered by super-class, then by the raster order of
    their first cell; each is grown and clipped to the image.

    Args:
      probabilities: float [H, W, K], semantic probabilities of the full image.
      groups: Super-class of each class.
      config: Fields of the regions of interest.

    Returns:
      The regions; without `config.regions` the whole image, once for every super-class
      with partition, else once.
    """
    height, width = probabilities.shape[:2]
    num_groups = max(groups)
    if not config.regions:
        whole = (0, 0, height, width)
        wanted = range(1, num_groups + 1) if config.partition else (0,)
        return [Region(group, whole, np.ones((height, width), bool)) for group in wanted]
    if not config.partition:
        return _grown_components(probabilities.argmax(axis=-1) > 0, 0, config)
    winner = group_winners(probabilities, groups)
    regions = []
    for group in range(1, num_groups + 1):
        regions += _grown_components(winner == group, group, config)
    return regions


def group_winners(probabilities: np.ndarray, groups: Sequence[int]) -> np.ndarray:
    """Returns the super-class [H, W] with the largest summed probability, 0 for background."""
    sums = [
        probabilities[..., np.asarray(groups) == group].sum(axis=-1)
        for group in range(max(groups) + 1)
    ]
    return np.stack(sums, axis=-1).argmax(axis=-1)


def zoomed_size(region: Region, config: InferenceConfig) -> tuple[int, int]:
    """Returns the height and width that a region is resized to before the networks (4.3).

    A multiple of the merge window, so that no window of the graph is partial.
    """
    y0, x0, y1, x1 = region.box
    zoom = 1.0
    if config.resize:
        zoom = min(max(config.crop_size / (y1 - y0), config.min_zoom), config.max_zoom)
    window = config.merge_window
    height, width = (max(1, math.floor(side * zoom + 0.5)) for side in (y1 - y0, x1 - x0))
    return -(-height // window) * window, -(-width // window) * window


def resize_nearest(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resizes [h, w] to [height, width]: pixel y reads floor((y + 0.5) * h / height)."""
    rows = (2 * np.arange(height) + 1) * values.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * values.shape[1] // (2 * width)
    return values[np.ix_(rows, columns)]


def _grown_components(foreground: np.ndarray, group: int, config: InferenceConfig) -> list[Region]:
    """Returns the regions of one foreground mask [H, W] in raster order of their first cell."""
    height, width = foreground.shape
    size = config.cell_size
    cells = np.add.reduceat(foreground.astype(np.int32), np.arange(0, height, size), axis=0)
    cells = np.add.reduceat(cells, np.arange(0, width, size), axis=1) > 0
    count, component = cv2.connectedComponents(cells.astype(np.uint8), connectivity=8)
    first = [np.flatnonzero(component == c)[0] for c in range(1, count)]
    return [
        _grown_region(component == c + 1, group, (height, width), config) for c in np.argsort(first)
    ]


def _grown_region(
    cells: np.ndarray, group: int, image_size: tuple[int, int], config: InferenceConfig
) -> Region:
    """Grows one component of cells; a square neighbourhood grows every cell on its own."""
    size, growth = config.cell_size, config.growth
    height, width = image_size
    y, x = np.nonzero(cells)
    # A cell at the border may be partial: its true end is the image's.
    top, left = np.maximum(y * size - growth, 0), np.maximum(x * size - growth, 0)
    bottom = np.minimum(np.minimum((y + 1) * size, height) + growth, height)
    right = np.minimum(np.minimum((x + 1) * size, width) + growth, width)
    y0, x0, y1, x1 = (int(v) for v in (top.min(), left.min(), bottom.max(), right.max()))
    mask = np.zeros((y1 - y0, x1 - x0), bool)
    for t, le, b, r in zip(top - y0, left - x0, bottom - y0, right - x0, strict=True):
        mask[t:b, le:r] = True
    return Region(group, (y0, x0, y1, x1), mask)
