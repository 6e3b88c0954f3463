"""Regions of interest: where instances may be, and at which zoom to look (paper 4.1, 4.3, 4.5)."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from affinity_seg import ops
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
    semantic: np.ndarray,
    size: tuple[int, int],
    groups: Sequence[int],
    config: InferenceConfig,
    *,
    stride: int = 1,
    from_logits: bool = True,
) -> list[Region]:
    """Finds the regions of interest of an image, with the C++ op.

    With partition, a pixel belongs to the super-class that wins by summed probabilities;
    without, to the foreground if its winning class is not background. Cells with such a
    pixel form 8-connected regions, ordered by super-class, then by the raster order of
    their first cell; each is grown and clipped to the image.

    Args:
      semantic: float [F, h, w, K], semantic logits of the full image; if F is 2, the second
        are of the mirrored image.
      size: Height and width of the image, pixels.
      groups: Super-class of each class.
      config: Fields of the regions of interest.
      stride: Pixels per logit.
      from_logits: False: `semantic` are probabilities, F and `stride` are 1.

    Returns:
      The regions; without `config.regions` the whole image, once for every super-class
      with partition, else once.
    """
    height, width = size
    if not config.regions:
        whole = (0, 0, height, width)
        wanted = range(1, max(groups) + 1) if config.partition else (0,)
        return [Region(group, whole, np.ones((height, width), bool)) for group in wanted]
    found = ops.find_regions(
        semantic,
        size,
        config,
        groups=groups,
        stride=stride,
        from_logits=from_logits,
    )
    regions = []
    splits = found.mask_splits.numpy()
    for i, (group, box) in enumerate(zip(found.groups.numpy(), found.boxes.numpy(), strict=True)):
        y0, x0, y1, x1 = (int(side) for side in box)
        mask = found.masks[splits[i] : splits[i + 1]].numpy().reshape(y1 - y0, x1 - x0)
        regions.append(Region(int(group), (y0, x0, y1, x1), mask))
    return regions


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
