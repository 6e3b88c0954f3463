"""Pastes the instances of regions into the full image (end of algorithm.md section 6)."""

from typing import Any, NamedTuple

import tensorflow as tf

from affinity_seg import grids
from affinity_seg import instances as instances_lib
from affinity_seg.instances import Instances
from affinity_seg.pipeline.regions import Region


class Canvas(NamedTuple):
    """The instances of the regions so far, in the pixels of the full image.

    Where regions overlap, a pixel may be claimed by an instance of each.

    Attributes:
      size: int32 [2], height and width of the image.
      pixels: int32 [P], claimed pixels, y * width + x.
      owners: int32 [P], index of the candidate that claims each.
      classes: int32 [M], class index of each candidate.
      scores: float32 [M], score of each candidate.
      votes: int64 [M, K], votes of each candidate.
    """

    size: Any
    pixels: Any
    owners: Any
    classes: Any
    scores: Any
    votes: Any


def empty(size: tf.Tensor | tuple[int, int], num_classes: int) -> Canvas:
    """Returns a canvas without instances, for an image of `size`, height and width."""
    nothing = tf.zeros([0], tf.int32)
    votes = tf.zeros([0, num_classes], tf.int64)
    size = tf.convert_to_tensor(size, tf.int32)
    return Canvas(size, nothing, nothing, nothing, tf.zeros([0]), votes)


def shapes(num_classes: int) -> Canvas:
    """Returns the static shapes of a canvas, for loops in a graph."""
    lists = [tf.TensorShape([None])] * 4
    return Canvas(tf.TensorShape([2]), *lists, tf.TensorShape([None, num_classes]))


def paste(
    canvas: Canvas, region: Region, found: Instances, part: grids.Part | None = None
) -> Canvas:
    """Adds the instances of a region.

    Ids are resized by area from the zoomed size to the region, and cut to its mask.

    Args:
      canvas: The canvas with the earlier regions.
      region: The region.
      found: Its instances, at its zoomed size.
      part: As in `grids.ids_by_area`, if the region is a part of a zoomed one.

    Returns:
      The canvas with these instances as well.
    """
    with tf.device("CPU:0"):
        box = region.box
        ids = grids.ids_by_area(found.instance_ids, box[2] - box[0], box[3] - box[1], part)
        places = tf.where((ids > 0) & region.mask)
        y, x = tf.unstack(tf.cast(places, tf.int32), axis=1)
        own = tf.gather_nd(ids, places) - 1 + tf.size(canvas.classes)
        return Canvas(
            canvas.size,
            tf.concat([canvas.pixels, (y + box[0]) * canvas.size[1] + x + box[1]], axis=0),
            tf.concat([canvas.owners, own], axis=0),
            tf.concat([canvas.classes, found.classes], axis=0),
            tf.concat([canvas.scores, found.scores], axis=0),
            tf.concat([canvas.votes, found.votes], axis=0),
        )


def number(canvas: Canvas, kept: tf.Tensor | None = None) -> Instances:
    """Assigns each pixel to one candidate, and numbers the candidates that have any pixels.

    A pixel goes to the candidate of the higher score, then to that of the lower region number.
    Sizes and boxes are computed from the assigned pixels; scores and votes are those of the region.

    Args:
      canvas: The canvas with all regions.
      kept: bool [M], which candidates may stay; None: all. The pixels of a candidate that is not
        kept become background.
    """
    with tf.device("CPU:0"):
        height, width = tf.unstack(canvas.size)
        scores = tf.gather(canvas.scores, canvas.owners)
        best = tf.tensor_scatter_nd_max(
            tf.fill([height * width], -1.0), canvas.pixels[:, None], scores
        )
        is_best = scores == tf.gather(best, canvas.pixels)
        background = tf.size(canvas.classes)  # Above all owners, so that `min` chooses these.
        owners = tf.tensor_scatter_nd_min(
            tf.fill([height * width], background),
            canvas.pixels[is_best][:, None],
            canvas.owners[is_best],
        )
        owners = tf.reshape(tf.where(owners == background, -1, owners), [height, width])
        return instances_lib.number(owners, canvas.classes, canvas.scores, canvas.votes, kept=kept)
