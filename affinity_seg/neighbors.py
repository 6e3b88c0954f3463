"""The neighbourhood of a pixel: distances, directions and channel order (paper 3.3).

This is the only place that defines the order of the affinity channels. Channel
`8 * i + n` holds the affinity of a pixel with its neighbour at distance
`distances[i]` in direction `DIRECTIONS[n]`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

DISTANCES = (1, 2, 4, 8, 16, 32, 64)
"""Distances of the paper, in pixels."""

STAGES = (3, 2, 2)
"""How many of `DISTANCES` each stage of the graph merge adds (paper 3.4)."""

DIRECTIONS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
"""The eight directions as (dy, dx), row by row."""

NUM_DIRECTIONS = len(DIRECTIONS)


def num_channels(distances: Sequence[int] = DISTANCES) -> int:
    """Returns the number of affinity channels, 8 for each distance."""
    return NUM_DIRECTIONS * len(distances)


def channels_of(affinity: Any, index: int) -> Any:
    """Returns the channels of the distance `distances[index]`.

    Args:
      affinity: Array or tensor [..., 8 * len(distances)].
      index: Which distance.

    Returns:
      [..., 8].
    """
    first = NUM_DIRECTIONS * index
    return affinity[..., first : first + NUM_DIRECTIONS]


def offsets(distances: Sequence[int] = DISTANCES) -> np.ndarray:
    """Returns the (dy, dx) of every channel, int32 [8 * len(distances), 2], in pixels."""
    scale = np.asarray(distances, np.int32)[:, None, None]
    return (scale * np.asarray(DIRECTIONS, np.int32)[None]).reshape(-1, 2)


def opposite(distances: Sequence[int] = DISTANCES) -> np.ndarray:
    """Returns, for every channel, the channel that looks back, int32 [8 * len(distances)]."""
    channels = np.arange(num_channels(distances), dtype=np.int32)
    return channels - channels % NUM_DIRECTIONS + (NUM_DIRECTIONS - 1 - channels % NUM_DIRECTIONS)


def mirrored(distances: Sequence[int] = DISTANCES) -> np.ndarray:
    """Returns the channel each channel becomes under a horizontal flip, int32 [8 * len(distances)].

    If `a` are the affinities of a mirrored image, `a[:, ::-1][..., mirrored()]` are
    those of the image itself.
    """
    flipped = np.array([DIRECTIONS.index((dy, -dx)) for dy, dx in DIRECTIONS], np.int32)
    channels = np.arange(num_channels(distances), dtype=np.int32)
    return channels - channels % NUM_DIRECTIONS + flipped[channels % NUM_DIRECTIONS]
