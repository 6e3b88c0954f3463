"""Resizes maps of ids by area, and masks to the nearest pixel (algorithm.md 3.4).

A map covers the same rectangle at every size: of `h` rows, row `y` covers the share
[y / h, (y + 1) / h) of it, and columns likewise. So objects keep their positions, and a mirrored
map gives the mirrored result unless areas are equal. All functions run eagerly and inside graphs.
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

_MIXED = -1
"""Stands for a pixel that covers several ids."""

_LAST = tf.int32.max
"""Stands for the background where ids are tried in their order: instances come before it."""

_CHUNK = 2**20
"""About the number of covered pixels that are processed at once; it limits the memory."""


class Part(NamedTuple):
    """Where a part of a map lies, before and after the whole map is resized. All are [2], y and x.

    Attributes:
      source_size: Height and width of the whole map.
      source_start: First row and column of the part that is given.
      size: Height and width of the resized map.
      start: First row and column of the part that is wanted. What it covers must be given.
    """

    source_size: Any
    source_start: Any
    size: Any
    start: Any


def ids_by_area(
    ids: tf.Tensor | np.ndarray,
    height: int | tf.Tensor,
    width: int | tf.Tensor,
    part: Part | None = None,
) -> tf.Tensor:
    """Resizes a map of ids: a pixel takes the id that fills the largest part of its area.

    Among equal parts an id above 0 wins over 0, and then the lower id wins. Areas are integers.

    Args:
      ids: Integers [h, w] from 0 on, below 2^31 - 1; h and w at least 1.
      height: Rows of the result, at least 1.
      width: Columns of the result, at least 1.
      part: Where `ids` and the result lie in a larger map. None: they are whole maps.

    Returns:
      int32 [height, width].

    Raises:
      tf.errors.InvalidArgumentError: An id is not allowed.
    """
    with tf.device("CPU:0"):  # Maps of ids are there already: they come from the C++ op or files.
        if part is None:
            part = Part(tf.shape(ids), (0, 0), (height, width), (0, 0))
        places = [tf.cast(place, tf.int32) for place in part]
        return _ids_by_area(tf.cast(ids, tf.int64), height, width, tf.stack(places))


def nearest(
    values: tf.Tensor | np.ndarray, height: int | tf.Tensor, width: int | tf.Tensor
) -> tf.Tensor:
    """Resizes [h, w] to [height, width]: pixel y reads floor((y + 0.5) * h / height).

    Use it for enlarging. If h is an even multiple of height, a reduced map moves by half a pixel.
    """
    for axis, side in enumerate((height, width)):
        source = (2 * tf.range(side) + 1) * tf.shape(values)[axis] // (2 * side)
        values = tf.gather(values, source, axis=axis)
    return values


@tf.function(
    autograph=False,
    input_signature=[
        tf.TensorSpec([None, None], tf.int64),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([len(Part._fields), 2], tf.int32),
    ],
)
def _ids_by_area(ids: tf.Tensor, height: tf.Tensor, width: tf.Tensor, part: tf.Tensor) -> tf.Tensor:
    """Does the work of `ids_by_area`: areas are needed only for pixels that cover several ids."""
    tf.debugging.Assert(
        tf.reduce_all((ids >= 0) & (ids < _LAST)),
        [f"`ids` must be in [0, {_LAST}):", tf.reduce_min(ids), "to", tf.reduce_max(ids)],
    )
    ids = tf.cast(ids, tf.int32)
    rows, row_parts = _covered(height, tf.shape(ids)[0], part[:, 0])
    columns, column_parts = _covered(width, tf.shape(ids)[1], part[:, 1])
    # Whole rows are gathered much faster than columns.
    found = tf.transpose(_common(tf.transpose(_common(ids, rows)), columns))
    places = tf.cast(tf.where(found == _MIXED), tf.int32)
    step = tf.maximum(1, _CHUNK // (tf.shape(rows)[0] * tf.shape(columns)[0]))
    count = tf.maximum(1, -(-tf.shape(places)[0] // step))
    decided = tf.TensorArray(tf.int32, count, infer_shape=False, element_shape=[None])
    flat = tf.reshape(ids, [-1])

    def decide(i: tf.Tensor, decided: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        y, x = tf.unstack(places[i * step : (i + 1) * step], axis=1)
        covered_rows = tf.gather(rows, y, axis=1)[:, None] * tf.shape(ids)[1]
        covered = tf.gather(flat, covered_rows + tf.gather(columns, x, axis=1))
        parts = tf.gather(row_parts, y, axis=1), tf.gather(column_parts, x, axis=1)
        return i + 1, decided.write(i, _largest(covered, *parts))

    _, decided = tf.while_loop(lambda i, _: i < count, decide, (0, decided), parallel_iterations=1)
    return tf.tensor_scatter_nd_update(found, places, decided.concat())


def _covered(count: tf.Tensor, given: tf.Tensor, part: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns which source pixels in a row each of `count` pixels covers, and how much of each.

    Args:
      count: Pixels of the result in a row.
      given: Source pixels in a row.
      part: int32 [4], a `Part` in the direction of the row.

    Returns:
      int32 [k, count], source pixels in their order, counted from the first that is given; and
      int64 [k, count], the part of each, in 1 / `part.size` of a source pixel. A pixel that covers
      fewer than k repeats the last with part 0.
    """
    source, source_start, side, start = tf.unstack(tf.cast(part, tf.int64))
    begins = (start + tf.range(tf.cast(count, tf.int64))) * source
    ends = begins + source
    first, last = begins // side, -(-ends // side) - 1
    places = first + tf.range(tf.reduce_max(last - first) + 1)[:, None]
    parts = tf.minimum(ends, (places + 1) * side) - tf.maximum(begins, places * side)
    places, parts = tf.minimum(places, last), tf.maximum(parts, 0)
    inside = tf.debugging.Assert(
        (first[0] >= source_start) & (last[-1] < source_start + tf.cast(given, tf.int64)),
        ["`ids` must hold what the part covers:", part],
    )
    with tf.control_dependencies([inside]):
        return tf.cast(places - source_start, tf.int32), parts


def _common(ids: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Returns the id that all rows have that a pixel covers, `_MIXED` if they differ.

    Args:
      ids: int32 [h, w].
      rows: int32 [k, height].

    Returns:
      int32 [height, w].
    """
    first = tf.gather(ids, rows[0])
    _, is_mixed = tf.while_loop(
        lambda i, _: i < tf.shape(rows)[0],
        lambda i, is_mixed: (i + 1, is_mixed | (tf.gather(ids, rows[i]) != first)),
        (1, tf.zeros_like(first, tf.bool)),
        parallel_iterations=1,
    )
    return tf.where(is_mixed, _MIXED, first)


def _largest(covered: tf.Tensor, row_parts: tf.Tensor, column_parts: tf.Tensor) -> tf.Tensor:
    """Returns the id that has the largest part of each of n pixels.

    Args:
      covered: int32 [r, c, n], the ids that each covers.
      row_parts: int64 [r, n], the part of each row.
      column_parts: int64 [c, n], the part of each column.

    Returns:
      int32 [n].
    """
    covered = tf.where(covered == 0, _LAST, covered)
    zeros = tf.zeros(tf.shape(covered)[2:], tf.int32)
    no_area = tf.zeros_like(zeros, tf.int64)
    left = tf.reduce_sum(row_parts, axis=0) * tf.reduce_sum(column_parts, axis=0)

    def try_next(
        tried: tf.Tensor, best: tf.Tensor, best_area: tf.Tensor, left: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        tried = tf.reduce_min(tf.where(covered > tried, covered, _LAST), axis=[0, 1])
        in_rows = tf.reduce_sum(tf.where(covered == tried, column_parts, 0), axis=1)
        area = tf.reduce_sum(in_rows * row_parts, axis=0)
        best = tf.where(area > best_area, tried, best)
        return tried, best, tf.maximum(best_area, area), left - area

    _, best, _, _ = tf.while_loop(  # Later ids win only if they have more.
        lambda tried, best, best_area, left: tf.reduce_any(left > best_area),
        try_next,
        (zeros, zeros, no_area, left),
    )
    return tf.where(best == _LAST, 0, best)
