"""Panels of affinities, after Fig. 2 and Fig. 6 of the paper.

All probabilities may be at any resolution, such as that of the logits.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from affinity_seg import neighbors
from affinity_seg.visualization import layout

_ARROWS = ("up left", "up", "up right", "left", "right", "down left", "down", "down right")


def boundary_probability(affinity: np.ndarray, distances: Sequence[int]) -> np.ndarray:
    """Returns, per distance, the mean of `1 - affinity` over the eight directions.

    Args:
      affinity: float [H, W, 8 * len(distances)], probabilities.
      distances: Distances of the channels.

    Returns:
      float32 [len(distances), H, W].
    """
    height, width, channels = affinity.shape
    if channels != neighbors.num_channels(distances):
        raise ValueError(
            f"`affinity` must have {neighbors.num_channels(distances)} channels for distances "
            f"{tuple(distances)}: {channels}"
        )
    grouped = affinity.reshape(height, width, len(distances), neighbors.NUM_DIRECTIONS)
    return np.moveaxis(1 - grouped.astype(np.float32).mean(axis=3), 2, 0)


def boundary_panels(
    boundary: np.ndarray, distances: Sequence[int], foreground: np.ndarray, width: int = 480
) -> list[np.ndarray]:
    """Returns a captioned heat map of the boundary probability for each distance (Fig. 6).

    Args:
      boundary: float [len(distances), H, W], see `boundary_probability`.
      distances: Distances, pixels.
      foreground: bool [H, W]; other pixels are drawn dark grey, for they are no vertices.
      width: Width of a panel, pixels.

    Returns:
      uint8 RGB, one panel per distance, all of one size, and a key to the colours.
    """
    panels = []
    for distance, values in zip(distances, boundary, strict=True):
        panel = np.where(foreground[..., None], _heat_map(values), np.uint8(40))
        caption = f"boundary probability, distance {distance}"
        panels.append(layout.captioned(layout.resized(panel, width), caption))
    return [*panels, _color_key(width)]


def direction_sheet(affinity: np.ndarray, distances: Sequence[int], width: int = 180) -> np.ndarray:
    """Returns the affinity of every channel: a row per distance, a column per direction (Fig. 2).

    Args:
      affinity: float [H, W, 8 * len(distances)], probabilities.
      distances: Distances of the channels, pixels.
      width: Width of a panel, pixels.
    """
    panels = []
    for channel in range(neighbors.num_channels(distances)):
        distance = distances[channel // neighbors.NUM_DIRECTIONS]
        caption = f"{distance} {_ARROWS[channel % neighbors.NUM_DIRECTIONS]}"
        panel = layout.resized(_heat_map(affinity[..., channel].astype(np.float32)), width)
        panels.append(layout.captioned(panel, caption, 0.42))
    return layout.grid(panels, columns=neighbors.NUM_DIRECTIONS)


def _heat_map(values: np.ndarray) -> np.ndarray:
    """Returns probabilities, float [H, W], as colours from dark blue (0) to yellow (1)."""
    levels = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)


def _color_key(width: int) -> np.ndarray:
    """Returns a strip with the colours of 0 to 1."""
    strip = _heat_map(np.linspace(0, 1, width, dtype=np.float32)[None].repeat(24, axis=0))
    ends = layout.captioned(strip, "0: same instance")
    layout.put_text(ends, "1: boundary", 3, width - layout.text_box("1: boundary", 0.5)[1], 0.5)
    return ends
