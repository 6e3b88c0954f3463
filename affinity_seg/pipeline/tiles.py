"""Tiles for inputs that are too large for a network: cutting and joining (algorithm.md 3.5)."""

import math

import tensorflow as tf

from affinity_seg.configs.inference import MIN_TILE_SIDE, TILE_GRID
from affinity_seg.modeling.network import Network

_HOST = "CPU:0"  # holds the features of all tiles, for which a GPU has too little memory


def cut(
    height: tf.Tensor, width: tf.Tensor, max_pixels: int, overlap: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts an input along its longer side into equal tiles, each of at most `max_pixels`.

    Tiles overlap by at least `overlap` pixels, and the logits are joined in the middle of the
    overlap. Where such tiles would be shorter than `MIN_TILE_SIDE`, the input is cut into about
    square tiles in both directions. Works eagerly and inside `tf.function`.

    Args:
      height: int32 scalar, of the input, pixels.
      width: int32 scalar, likewise.
      max_pixels: Largest area of a tile, pixels, at least `MIN_TILE_SIDE` squared.
      overlap: Least overlap, pixels; a multiple of 2 * `TILE_GRID`, at most MIN_TILE_SIDE / 2.

    Returns:
      Two int32 [T, 4], (y0, x0, y1, x1), ends exclusive, pixels of the input: the boxes of the
      tiles, which are the network's inputs, and the boxes of the output that is kept. The kept
      boxes start at multiples of `TILE_GRID`, and together they cover the input exactly. If the
      input is small enough, both are the whole input.
    """
    sides = tf.stack([height, width])
    begins, kept_begins = tf.zeros([1, 2], tf.int32), tf.zeros([1, 2], tf.int32)
    ends, kept_ends = sides[None], sides[None]
    while sides[0] * sides[1] > max_pixels:
        tf.autograph.experimental.set_loop_options(
            shape_invariants=[
                (tensor, tf.TensorShape([None, 2]))
                for tensor in (begins, ends, kept_begins, kept_ends)
            ]
        )
        axis = tf.cast(sides[1] >= sides[0], tf.int32)
        longest = max_pixels // sides[1 - axis]
        # Strips along the shorter side would be mostly overlap.
        longest = tf.where(longest < MIN_TILE_SIDE, math.isqrt(max_pixels), longest)
        starts, length = _starts(sides[axis], longest, overlap)
        on_axis = tf.one_hot(axis, 2, True, False)
        is_first = tf.range(tf.size(starts))[:, None] == 0
        is_last = tf.range(tf.size(starts))[:, None] == tf.size(starts) - 1
        next_starts = tf.concat([starts[1:], [0]], axis=0)[:, None]
        # A tile's parts are beside each other: [T, parts, 2].
        old, shift = begins[:, None], tf.where(on_axis, starts[:, None], 0)
        begins = old + shift
        ends = tf.where(on_axis, begins + length, ends[:, None])
        cuts = begins + overlap // 2
        kept_begins = tf.where(on_axis & ~is_first, cuts, kept_begins[:, None])
        next_cuts = old + next_starts + overlap // 2
        kept_ends = tf.where(on_axis & ~is_last, next_cuts, kept_ends[:, None])
        begins, ends = tf.reshape(begins, [-1, 2]), tf.reshape(ends, [-1, 2])
        kept_begins = tf.reshape(kept_begins, [-1, 2])
        kept_ends = tf.reshape(kept_ends, [-1, 2])
        sides = tf.where(on_axis, length, sides)
    return tf.concat([begins, ends], axis=1), tf.concat([kept_begins, kept_ends], axis=1)


def run(network: Network, images: tf.Tensor, max_pixels: int, overlap: int) -> tf.Tensor:
    """Runs a network on inputs of one size, in tiles if they are too large.

    The network's image pooling is over the whole input, not over one tile: all tiles are encoded
    first, and then decoded with the mean of all of them. So the logits are those of one piece,
    except near the cuts.

    Args:
      network: The network.
      images: Normalised float32 [B, H, W, C].
      max_pixels: As in `cut`.
      overlap: As in `cut`.

    Returns:
      The logits, float32 [B, ceil(H / stride), ceil(W / stride), num_outputs].
    """
    height, width = tf.shape(images)[1], tf.shape(images)[2]
    if height * width <= max_pixels:
        logits = network.logits(images)
    else:
        boxes, kept = cut(height, width, max_pixels, overlap)
        logits = _run_tiles(network, images, boxes, kept)
    return tf.ensure_shape(logits, [None, None, None, network.num_outputs])


def _run_tiles(network: Network, images: tf.Tensor, boxes: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
    features, context = _encode_tiles(network, images, boxes, kept)
    stride, num_views = network.output_stride, tf.shape(images)[0]
    rows, columns = tf.unstack(-(-tf.shape(images)[1:3] // stride))
    logits = tf.zeros([num_views, rows, columns, network.num_outputs])
    for i in tf.range(tf.shape(boxes)[0]):
        tf.autograph.experimental.set_loop_options(parallel_iterations=1)
        with tf.device(_HOST):
            encoded = [array.read(i) for array in features]
        y0, x0, y1, x1 = tf.unstack(in_cells(kept[i], boxes[i, :2], stride))
        tile = network.decode(encoded, context)[:, y0:y1, x0:x1]
        top, left, bottom, right = tf.unstack(in_cells(kept[i], [0, 0], stride))
        places = tf.meshgrid(
            tf.range(num_views), tf.range(top, bottom), tf.range(left, right), indexing="ij"
        )
        # In a graph this is in place. A sum of padded tiles would take two copies more.
        logits = tf.tensor_scatter_nd_update(logits, tf.stack(places, -1), tile)
    return logits


def _encode_tiles(
    network: Network, images: tf.Tensor, boxes: tf.Tensor, kept: tf.Tensor
) -> tuple[list[tf.TensorArray], tf.Tensor]:
    """Returns the features of all tiles, an array for each map, and their mean over the input."""
    count = tf.shape(boxes)[0]
    maps, sums = network.encode.get_concrete_function().structured_outputs
    with tf.device(_HOST):
        features = [tf.TensorArray(one.dtype, count, element_shape=one.shape) for one in maps]
    total = tf.zeros([tf.shape(images)[0], *sums.shape[1:]])
    for i in tf.range(count):
        tf.autograph.experimental.set_loop_options(
            parallel_iterations=1, shape_invariants=[(total, sums.shape)]
        )
        y0, x0, y1, x1 = tf.unstack(boxes[i])
        inner = in_cells(kept[i], boxes[i, :2], network.feature_stride)
        encoded, tile_sum = network.encode(images[:, y0:y1, x0:x1], inner)
        with tf.device(_HOST):
            features = [
                array.write(i, tf.identity(one))
                for array, one in zip(features, encoded, strict=True)
            ]
        total += tile_sum
    cells = tf.reduce_prod(-(-tf.shape(images)[1:3] // network.feature_stride))
    return features, total / tf.cast(cells, tf.float32)


def in_cells(box: tf.Tensor, origin: tf.Tensor, stride: int) -> tf.Tensor:
    """Returns a box of pixels as a box of a map's cells, counted from `origin`, pixels."""
    return -(-(box - tf.concat([origin, origin], axis=0)) // stride)


def _starts(side: tf.Tensor, longest: tf.Tensor, overlap: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the starts of the fewest equal tiles along a side, and their length.

    The length differs from the side by a multiple of `TILE_GRID`, so that the network's strided
    layers sample a tile as they sample the whole.
    """
    count, length = 1, longest + 1
    while length > longest:
        count += 1
        length = -(-(side + (count - 1) * overlap) // count)
        length += (side - length) % TILE_GRID
        steps = -(-(side - length) // TILE_GRID // (count - 1))
        if steps * TILE_GRID > length - overlap:  # The starts are rounded.
            length += TILE_GRID
    free = (side - length) // TILE_GRID
    return free * tf.range(count) // (count - 1) * TILE_GRID, length
