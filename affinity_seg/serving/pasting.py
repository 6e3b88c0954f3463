"""Instances of regions into the full image, inside a graph; see `inference.pasting`."""

from typing import Any, NamedTuple

import tensorflow as tf

from affinity_seg import grids
from affinity_seg.instances import Instances


class Canvas(NamedTuple):
    """Candidates of the regions so far, and which pixels they have.

    Attributes:
      indices: int32 [H, W], -1 on background, else the index of a candidate.
      best: float32 [H, W], the score of the candidate that has the pixel, -1 on background.
      classes: int32 [M], class index of each candidate.
      scores: float32 [M], score of each candidate.
    """

    indices: Any
    best: Any
    classes: Any
    scores: Any


CANVAS_SHAPES = Canvas(
    tf.TensorShape([None, None]),
    tf.TensorShape([None, None]),
    tf.TensorShape([None]),
    tf.TensorShape([None]),
)
"""Static shapes of a canvas, for loops."""


def empty(height: tf.Tensor, width: tf.Tensor) -> Canvas:
    """Returns a canvas without candidates."""
    size = [height, width]
    nothing = tf.zeros([0], tf.int32), tf.zeros([0])
    return Canvas(tf.fill(size, -1), tf.fill(size, -1.0), *nothing)


def paste(canvas: Canvas, box: tf.Tensor, mask: tf.Tensor, result: Instances) -> Canvas:
    """Adds the instances of a region.

    Args:
      canvas: The regions before this one.
      box: int32 [4], (y0, x0, y1, x1), ends exclusive, of the region, pixels.
      mask: bool [y1 - y0, x1 - x0], the grown region.
      result: Its instances, at its zoomed size.

    Returns:
      The canvas with them.
    """
    ids = grids.ids_by_area(result.instance_ids, box[2] - box[0], box[3] - box[1])
    score = tf.gather(tf.concat([[-1.0], result.scores], axis=0), ids)
    candidate = ids + (tf.size(canvas.classes) - 1)
    height, width = tf.unstack(tf.shape(canvas.indices))
    margins = [[box[0], height - box[2]], [box[1], width - box[3]]]
    score = tf.pad(tf.where(mask & (ids > 0), score, -1.0), margins, constant_values=-1.0)
    taken = score > canvas.best
    return Canvas(
        tf.where(taken, tf.pad(candidate, margins), canvas.indices),
        tf.where(taken, score, canvas.best),
        tf.concat([canvas.classes, result.classes], axis=0),
        tf.concat([canvas.scores, result.scores], axis=0),
    )


def number(canvas: Canvas, wanted: tf.Tensor) -> dict[str, tf.Tensor]:
    """Numbers the candidates that have pixels, in raster order of their first one.

    Args:
      canvas: All regions.
      wanted: bool [M]: which candidates may stay.

    Returns:
      instance_ids int32 [H, W], 0 on background; classes int32 [N]; scores float32 [N]; sizes
      int64 [N], pixels; boxes int32 [N, 4], (y0, x0, y1, x1), ends exclusive.
    """
    height, width = tf.unstack(tf.shape(canvas.indices))
    wanted = tf.concat([wanted, [False]], axis=0)  # The last entry is for the background.
    last = tf.size(wanted) - 1
    flat = tf.reshape(canvas.indices, [-1])
    flat = tf.where(flat < 0, last, flat)
    flat = tf.where(tf.gather(wanted, flat), flat, last)
    found, _, sizes = tf.unique_with_counts(flat, out_idx=tf.int64)  # In the order they occur.
    is_instance = found != last
    found, sizes = found[is_instance], sizes[is_instance]
    count = tf.size(found)
    numbers = tf.scatter_nd(found[:, None], 1 + tf.range(count), [last + 1])
    ids = tf.gather(numbers, flat)
    y = tf.repeat(tf.range(height), width)
    x = tf.tile(tf.range(width), [height])
    corners = [tf.math.unsorted_segment_min(values, ids, count + 1)[1:] for values in (y, x)]
    ends = [tf.math.unsorted_segment_max(values, ids, count + 1)[1:] + 1 for values in (y, x)]
    return {
        "instance_ids": tf.reshape(ids, [height, width]),
        "classes": tf.gather(canvas.classes, found),
        "scores": tf.gather(canvas.scores, found),
        "sizes": sizes,
        "boxes": tf.stack([*corners, *ends], axis=-1),
    }
