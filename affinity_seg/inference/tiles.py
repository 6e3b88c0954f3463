"""Inputs that are too large for a network: cut into tiles and stitched (algorithm.md 3.5)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from affinity_seg.configs.inference import MIN_TILE_SIDE, TILE_GRID


class Tile(NamedTuple):
    """A part of an input, and what of it is kept.

    Attributes:
      box: (y0, x0, y1, x1), what the network sees, ends exclusive, pixels of the input.
      kept: (y0, x0, y1, x1), what of its output is used; the kept parts of all tiles make up the
        input. Starts are multiples of `TILE_GRID`.
    """

    box: tuple[int, int, int, int]
    kept: tuple[int, int, int, int]


def cut(height: int, width: int, max_pixels: int, overlap: int) -> list[Tile]:
    """Cuts an input along its longer side into equal tiles, each of at most `max_pixels`.

    Tiles overlap by at least `overlap` pixels, and the cuts lie half of it inside. Inputs whose
    shorter side is very long are cut in both directions.

    Args:
      height: Of the input, pixels.
      width: Of the input, pixels.
      max_pixels: Largest area of a tile, pixels, at least `MIN_TILE_SIDE` squared.
      overlap: Least overlap, pixels; a multiple of 2 * `TILE_GRID`, at most MIN_TILE_SIDE / 2.

    Returns:
      The tiles; the whole input if it is small enough.
    """
    whole = (0, 0, height, width)
    return _cut(Tile(whole, whole), max_pixels, overlap)


def run(
    network: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]],
    inputs: Sequence[np.ndarray],
    stride: int,
    max_pixels: int,
    overlap: int,
) -> list[np.ndarray]:
    """Runs a network on inputs of any size, in tiles where they are too large.

    Args:
      network: Function from inputs [H, W, 3] to logits [ceil(H / stride), ceil(W / stride), C].
      inputs: The inputs.
      stride: Input pixels per logit, a divisor of `TILE_GRID`.
      max_pixels: See `cut`.
      overlap: See `cut`.

    Returns:
      The logits of each input.
    """
    tiles = [cut(*values.shape[:2], max_pixels, overlap) for values in inputs]
    parts = [
        values[y0:y1, x0:x1]
        for values, own in zip(inputs, tiles, strict=True)
        for (y0, x0, y1, x1), _ in own
    ]
    answers = iter(network(parts))
    return [
        _stitch(values.shape[:2], own, [next(answers) for _ in own], stride)
        for values, own in zip(inputs, tiles, strict=True)
    ]


def _cut(tile: Tile, max_pixels: int, overlap: int) -> list[Tile]:
    """Cuts a tile further, until all are small enough."""
    y0, x0, y1, x1 = tile.box
    sides = y1 - y0, x1 - x0
    if sides[0] * sides[1] <= max_pixels:
        return [tile]
    axis = int(sides[1] >= sides[0])
    longest = max(max_pixels // sides[1 - axis], MIN_TILE_SIDE)
    starts, length = _starts(sides[axis], longest, overlap)
    parts = []
    for i, start in enumerate(starts):
        box, kept = list(tile.box), list(tile.kept)
        box[axis] = tile.box[axis] + start
        box[axis + 2] = box[axis] + length
        if i > 0:
            kept[axis] = box[axis] + overlap // 2
        if i + 1 < len(starts):
            kept[axis + 2] = tile.box[axis] + starts[i + 1] + overlap // 2
        parts += _cut(Tile(tuple(box), tuple(kept)), max_pixels, overlap)
    return parts


def _starts(side: int, longest: int, overlap: int) -> tuple[list[int], int]:
    """Returns the starts of the fewest equal tiles along a side, and their length.

    The length differs from the side by a multiple of `TILE_GRID`, so that the network's strided
    layers sample a tile as they sample the whole.
    """
    count = 1
    while True:
        count += 1
        length = -(-(side + (count - 1) * overlap) // count)
        length += (side - length) % TILE_GRID
        steps = -(-(side - length) // TILE_GRID // (count - 1))
        if steps * TILE_GRID > length - overlap:  # The starts are rounded.
            length += TILE_GRID
        if length <= longest:
            free = (side - length) // TILE_GRID
            return [free * i // (count - 1) * TILE_GRID for i in range(count)], length


def _stitch(
    size: tuple[int, int], tiles: Sequence[Tile], logits: Sequence[np.ndarray], stride: int
) -> np.ndarray:
    """Returns the logits of an input of `size` from those of its tiles."""
    if len(tiles) == 1:
        return logits[0]
    height, width = (-(-side // stride) for side in size)
    whole = np.empty((height, width, logits[0].shape[-1]), logits[0].dtype)
    for (box, kept), part in zip(tiles, logits, strict=True):
        y0, x0, y1, x1 = (-(-side // stride) for side in kept)
        top, left = box[0] // stride, box[1] // stride
        whole[y0:y1, x0:x1] = part[y0 - top : y1 - top, x0 - left : x1 - left]
    return whole
