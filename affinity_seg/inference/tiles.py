"""Inputs that are too large for a network: cut into tiles and stitched (algorithm.md 3.5)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from affinity_seg.configs.inference import MIN_TILE_SIDE, TILE_GRID
from affinity_seg.modeling.loading import Network


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


def run(network: Network, images: tf.Tensor, tiles: Sequence[Tile]) -> np.ndarray:
    """Runs a network on large inputs tile by tile.

    The network's image pooling sees the whole input, not the tile: the tiles are encoded first, and
    decoded with the mean of all of them. So tiles give what one piece would have given,
    except near the cuts.

    Args:
      network: The network.
      images: Normalised float32 [B, H, W, 3].
      tiles: Tiles of inputs of this size, see `cut`.

    Returns:
      The logits, float32 [B, ceil(H / stride), ceil(W / stride), C].
    """
    whole_box = (0, 0, *images.shape[1:3])
    encoded, sums = [], 0
    for (y0, x0, y1, x1), kept in tiles:
        inner = _in_cells(kept, (y0, x0), network.feature_stride)
        features, feature_sums = network.encode(images[:, y0:y1, x0:x1], tf.constant(inner))
        # Off the GPU, which would not hold all tiles.
        encoded.append([part.numpy() for part in features])
        sums += feature_sums
    _, _, rows, columns = _in_cells(whole_box, (0, 0), network.feature_stride)
    context = sums / (rows * columns)
    stride = network.output_stride
    _, _, height, width = _in_cells(whole_box, (0, 0), stride)
    whole = None
    for (box, kept), features in zip(tiles, encoded, strict=True):
        logits = network.decode(features, context).numpy()
        if whole is None:
            whole = np.empty((len(logits), height, width, logits.shape[-1]), logits.dtype)
        y0, x0, y1, x1 = _in_cells(kept, (0, 0), stride)
        top, left, bottom, right = _in_cells(kept, box[:2], stride)
        whole[:, y0:y1, x0:x1] = logits[:, top:bottom, left:right]
    return whole


def _in_cells(
    box: tuple[int, int, int, int], origin: tuple[int, int], stride: int
) -> tuple[int, int, int, int]:
    """Returns a box of pixels as a box of a map's cells, counted from `origin`, pixels."""
    (y0, x0, y1, x1), (top, left) = box, origin
    return tuple(-(-side // stride) for side in (y0 - top, x0 - left, y1 - top, x1 - left))


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
