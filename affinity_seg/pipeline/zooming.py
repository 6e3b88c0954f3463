"""The zoom that brings an image's objects to the size the networks were trained for.

This is ours and not the paper's. A pass at `first_zoom` finds objects and measures them. Then
the image is zoomed so that the median object gets the diameter `object_size`. With `lowest_zoom`,
passes at lower zooms, which cost little, come before that at `first_zoom`, and the first one that
sees objects well measures them.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from affinity_seg import neighbors
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline import pasting
from affinity_seg.pipeline import regions as regions_lib
from affinity_seg.pipeline.merging import GraphMerger
from affinity_seg.pipeline.predictions import RegionPrediction

Logits = tuple[Any, Any, Any]
"""What `RegionPrediction` holds beside the region: zoomed size, semantic and affinity logits."""

STEPS_PER_OCTAVE = 8
"""Zooms are `first_zoom` times powers of 2 ** (1 / 8), which are 9% apart.

So a small change of the estimate rarely changes the result, and images of one size share few
shapes.
"""

LEAST_SEEN = 0.3
"""Objects are seen well if their median has at least this share of the diameter `object_size`.

Smaller ones may be missed or be several in one, so the next pass has twice the zoom. Much larger
ones would fall into pieces, which is why the passes begin at the lowest zoom. This value and
`LEAST_SCORE` were chosen on images of nuclei that the shipped model was not trained on, as they are
and enlarged four times.
"""

LEAST_SCORE = 0.82
"""Objects are seen well if their mean score, weighted by area, is at least this.

At a zoom that is too low a glow, or a tissue of small objects, may be taken for one large object.
Its score is often lower than those of objects at the size that the networks know. Not always: an
embryo of several hundred pixels looks like one nucleus, with a score of 0.9. So what would need a
zoom below `lowest_zoom` is not taken for an object either.
"""

MAX_ESTIMATES = 2
"""How often well seen objects give a zoom: again after a large step, see `LARGE_STEP`."""

LARGE_STEP = 4
"""Objects are measured again if the zoom has changed by more steps than this, a factor of 1.4.

They were then so far from the size that the networks know that many may have been missed or joined.
"""


class Objects(NamedTuple):
    """What a pass has found.

    Attributes:
      areas: float64 [N], pixels of the image.
      scores: float64 [N].
    """

    areas: Any
    scores: Any


class Zooming:
    """Finds the zoom of an image; eagerly or inside a graph.

    Attributes:
      merger: Merges the objects that are measured.
    """

    def __init__(
        self,
        config: InferenceConfig,
        class_table: ClassTable,
        distances: Sequence[int],
        strides: tuple[int, int],
    ):
        """Prepares the merge with which objects are found.

        Args:
          config: Every parameter of the method; `config.zoom` is "auto".
          class_table: The classes of the semantic network.
          distances: Distances of the affinity channels, pixels.
          strides: Pixels per semantic and per affinity logit.

        Raises:
          ValueError: The configuration does not fit the networks.
        """
        lowest = config.lowest_zoom if config.has_low_passes else config.min_zoom
        least, most = (
            STEPS_PER_OCTAVE * math.log2(limit / config.first_zoom)
            for limit in (lowest, config.max_zoom)
        )
        # The margin is for limits at a whole number of steps, of which rounding would lose one.
        steps = np.arange(math.ceil(least - 1e-6), math.floor(most + 1e-6) + 1)
        zooms = config.first_zoom * 2.0 ** (steps / STEPS_PER_OCTAVE)
        self._zooms = np.clip(zooms, lowest, config.max_zoom)
        self._first = int(-steps[0])
        self._start = self._first % STEPS_PER_OCTAVE if config.has_low_passes else self._first
        # With a single zoom there is nothing to be measured.
        self._max_estimates = MAX_ESTIMATES if len(self._zooms) > 1 else 0
        self._config = config
        self._channels = class_table.num_classes, neighbors.num_channels(distances)
        # Nothing is dropped that would have more than `min_pixels` at the largest zoom. Otherwise
        # small objects, which are still to be zoomed, would not be seen.
        self._min_area = config.min_pixels / config.max_zoom**2
        self._min_share = config.min_pixels / config.object_area
        measured = dataclasses.replace(config, min_pixels=int(self._min_area * lowest**2))
        self.merger = GraphMerger(measured, class_table, distances, strides)

    def settle(
        self,
        predict: Callable[[tf.Tensor], Any],
        measure: Callable[[Any], Objects],
        start: tuple[Any, Any] = (None, None),
    ) -> Any:
        """Returns what the networks say of an image at the zoom that its objects need.

        The first pass is at `first_zoom`. With `lowest_zoom` it is at the least zoom above that
        which is `first_zoom` divided by a power of 2, and passes at twice the zoom follow until
        objects are seen well, or `first_zoom` is reached. If the zoom that the objects need is the
        one at which they were measured, what that pass gave is returned. Without objects the zoom
        is `first_zoom`.

        Args:
          predict: Runs the networks on the whole image at a zoom, float64 scalar.
          measure: Measures the objects in what `predict` has returned, see `measure`.
          start: What takes the place of the result before the first pass, and its shapes. A graph
            needs it, see `no_logits`.
        """
        found, shapes = start
        at, wanted = tf.constant(-1), tf.constant(self._start)
        estimates, is_search = tf.constant(0), tf.constant(True)
        while at != wanted:
            tf.autograph.experimental.set_loop_options(
                parallel_iterations=1, shape_invariants=[(found, shapes)]
            )
            is_measured = is_search | (tf.abs(wanted - at) > LARGE_STEP)
            at = wanted
            found = predict(tf.gather(self._zooms, at))
            if is_measured & (estimates < self._max_estimates):
                wanted, is_search = self._estimate(measure(found), at)
                estimates += tf.cast(tf.logical_not(is_search), tf.int32)
        return found

    def zoom_of(self, size: tuple[int, int], zoomed: Sequence[int]) -> float:
        """Returns which of the zooms `settle` has chosen; eager only.

        If several lead to the same zoomed size, it is the first of them: the results are the same.

        Args:
          size: Height and width of the image, pixels.
          zoomed: Height and width at which it was predicted, pixels.
        """
        return next(
            zoom
            for zoom in self._zooms.tolist()
            if regions_lib.whole_zoomed_size(size, self._config, zoom) == tuple(zoomed)
        )

    def no_logits(self) -> tuple[Logits, Logits]:
        """Returns empty logits, with which `settle` begins, and the shapes that they may take."""
        dtype = self._config.logits_dtype
        empty = [tf.zeros([0, 0, 0, channels], dtype) for channels in self._channels]
        shapes = [tf.TensorShape([None, None, None, channels]) for channels in self._channels]
        return (tf.zeros([2], tf.int32), *empty), (tf.TensorShape([2]), *shapes)

    def measure(
        self, regions: Sequence[regions_lib.Region], logits: Logits, size: tf.Tensor
    ) -> Objects:
        """Returns the objects of an image.

        Args:
          regions: The whole image for each super-class, see `regions.whole_image`.
          logits: Those of the image.
          size: int32 [2], height and width of the image, pixels.
        """
        canvas = self.merger.empty(size)
        canvas = self.merger.add(canvas, [RegionPrediction(one, *logits) for one in regions])
        found = pasting.number(canvas)
        return Objects(tf.cast(found.sizes, tf.float64), tf.cast(found.scores, tf.float64))

    def _estimate(self, objects: Objects, at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the index of the next zoom, and whether objects are still to be found there.

        Args:
          objects: What was found at the zoom of index `at`.
          at: int32 scalar.
        """
        is_low = at < self._first
        next_pass = tf.where(is_low, tf.minimum(at + STEPS_PER_OCTAVE, self._first), at)
        counted = objects.areas > self._min_area
        areas, scores = objects.areas[counted], objects.scores[counted]
        if tf.size(areas) == 0:
            return next_pass, True
        diameter = median_diameter(tf.sort(areas), self._min_share)
        least = LEAST_SEEN * self._config.object_size
        is_small = diameter * tf.gather(self._zooms, at) < least
        least_zoom, most_zoom = self._config.zooms_for(diameter)
        is_beyond = least_zoom < self._zooms[0]
        is_vague = tf.reduce_sum(areas * scores) < LEAST_SCORE * tf.reduce_sum(areas)
        if is_low & (is_small | is_beyond | is_vague):
            return next_pass, True
        min_zoom = tf.constant(self._config.min_zoom, tf.float64)
        zoom = tf.clip_by_value(min_zoom, least_zoom, most_zoom)
        octaves = tf.math.log(zoom / self._config.first_zoom) / math.log(2)
        step = tf.cast(tf.round(STEPS_PER_OCTAVE * octaves), tf.int32)
        return tf.clip_by_value(self._first + step, 0, len(self._zooms) - 1), False


def median_diameter(areas: tf.Tensor, min_share: float) -> tf.Tensor:
    """Returns the median diameter of the objects, float64 scalar, without specks.

    An image may have more specks of noise than objects, so that the plain median would be that of
    the specks. But objects cover more area: the object to which the middle one of all pixels
    belongs is hardly a speck. Objects that are small beside it do not count.

    Args:
      areas: float64 [N], areas of the objects in ascending order, N > 0.
      min_share: Objects count if they have more than this share of the area of the object with the
        middle pixel; below 1.
    """
    covered = tf.cumsum(areas)
    middle = areas[tf.searchsorted(covered, covered[-1:] / 2)[0]]
    counted = tf.sqrt(4 / math.pi * areas[areas > min_share * middle])
    count = tf.size(counted)
    return (counted[(count - 1) // 2] + counted[count // 2]) / 2
