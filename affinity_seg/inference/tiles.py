"""Inputs that are too large for a network: cut into tiles and stitched (algorithm.md 3.5)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from affinity_seg.inference import graph_tiles
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
    boxes, kept = graph_tiles.cut(tf.constant(height), tf.constant(width), max_pixels, overlap)
    pairs = zip(boxes.numpy().tolist(), kept.numpy().tolist(), strict=True)
    return [Tile(tuple(box), tuple(part)) for box, part in pairs]


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
