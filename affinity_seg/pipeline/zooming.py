"""The zoom that brings an image's objects to the size the networks were trained for.

This is ours and not the paper's. A pass at `first_zoom` finds objects and measures them. Then
the image is zoomed so that the median object gets the diameter `object_size`. With `lowest_zoom`,
passes at lower zooms, which cost little, come before that at `first_zoom`. The first one that sees
many objects well measures them. If none does, the one that sees most of them well does.
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
"""An object is seen well if it has at least this share of the diameter `object_size`.

Smaller ones may be missed or be several in one. This value and those below were chosen on images of
nuclei that do not judge the shipped model, as they are, enlarged, cut down to a few nuclei, and
with large bright discs and frames.
"""

LEAST_SCORE = 0.82
"""An object is seen well if its score is at least this.

At a zoom that is too low a glow, or a tissue of small objects, may be taken for one large object.
Its score is often lower than those of objects at the size that the networks know. Not always: an
embryo of several hundred pixels looks like one nucleus, with a score of 0.9. So what would need a
zoom below `lowest_zoom` is not seen well either.
"""

MANY = 8
"""A pass at a low zoom that sees so many objects well ends the search.

Fewer may be dirt or the pieces of a bright frame, beside objects that are too small at this zoom.
"""

SOME = 3
"""So many end the search as well if twice the zoom does not show more of them."""

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


class Seen(NamedTuple):
    """How well a pass has seen the objects of an image, tensors.

    Attributes:
      count: int32 scalar, objects that are seen well.
      index: int32 scalar, the zoom that the objects need.
      is_clear: bool scalar: the median object has the size of those that are seen well, and the
        mean score of all, weighted by area, is at least `LEAST_SCORE`.
    """

    count: Any
    index: Any
    is_clear: Any


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
        # Pixels of the image. What needs a lower zoom than there is, is no object.
        self._largest = config.object_size / lowest if config.has_low_passes else math.inf
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
        objects are seen well, see `_search`, or `first_zoom` is reached. If the zoom that the
        objects need is the one at which they were measured, what that pass gave is returned.
        Without objects the zoom is `first_zoom`.

        Args:
          predict: Runs the networks on the whole image at a zoom, float64 scalar.
          measure: Measures the objects in what `predict` has returned, see `measure`.
          start: What takes the place of the result before the first pass, and its shapes. A graph
            needs it, see `no_logits`.
        """
        found, shapes = start
        at, wanted = tf.constant(-1), tf.constant(self._start)
        estimates, is_search, best = tf.constant(0), tf.constant(True), tf.zeros([2], tf.int32)
        while at != wanted:
            tf.autograph.experimental.set_loop_options(
                parallel_iterations=1, shape_invariants=[(found, shapes)]
            )
            is_measured = is_search | (tf.abs(wanted - at) > LARGE_STEP)
            at = wanted
            found = predict(tf.gather(self._zooms, at))
            if is_measured & (estimates < self._max_estimates):
                seen = self._look(measure(found), at)
                if is_search:
                    wanted, is_search, best = self._search(seen, at, best)
                else:
                    wanted = seen.index
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

    def _search(
        self, seen: Seen, at: tf.Tensor, best: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns the index of the next zoom, whether the search goes on there, and the best pass.

        The search ends at a low zoom with `MANY` objects that are seen well, or with `SOME` if
        twice the zoom does not show more, and otherwise at `first_zoom`. Then the pass with most of
        them gives the zoom; of several, the first. If there are none at all, the last pass does.

        Args:
          seen: What was seen at the zoom of index `at`.
          at: int32 scalar.
          best: int32 [2]: of the best pass before, the number of objects that it saw well, and the
            index of the zoom that they need.
        """
        is_low = at < self._first
        is_many = seen.is_clear & (seen.count >= MANY)
        is_no_more = (best[0] >= SOME) & (seen.count <= best[0])
        is_end = tf.logical_not(is_low) | is_many | is_no_more
        if (seen.is_clear | tf.logical_not(is_low)) & (seen.count > best[0]):
            best = tf.stack([seen.count, seen.index])
        found = tf.where(best[0] > 0, best[1], seen.index)
        next_pass = tf.minimum(at + STEPS_PER_OCTAVE, self._first)
        return tf.where(is_end, found, next_pass), tf.logical_not(is_end), best

    def _look(self, objects: Objects, at: tf.Tensor) -> Seen:
        """Returns how well a pass has seen its objects, and the zoom that these need.

        Args:
          objects: What was found at the zoom of index `at`.
          at: int32 scalar.
        """
        counted = objects.areas > self._min_area
        areas, scores = objects.areas[counted], objects.scores[counted]
        if tf.size(areas) == 0:
            return Seen(tf.constant(0), at, tf.constant(False))
        zoom = tf.gather(self._zooms, at)
        is_well = (scores >= LEAST_SCORE) & self._has_size(_diameters(areas), zoom)
        diameter = median_diameter(areas, is_well, self._min_share)
        is_sure = tf.reduce_sum(areas * scores) >= LEAST_SCORE * tf.reduce_sum(areas)
        count = tf.math.count_nonzero(is_well, dtype=tf.int32)
        return Seen(count, self._index_for(diameter), self._has_size(diameter, zoom) & is_sure)

    def _has_size(self, diameters: tf.Tensor, zoom: tf.Tensor) -> tf.Tensor:
        """Returns whether objects, of diameters in pixels of the image, can be seen well."""
        is_seen = diameters * zoom >= LEAST_SEEN * self._config.object_size
        return is_seen & (diameters <= self._largest)

    def _index_for(self, diameter: tf.Tensor) -> tf.Tensor:
        """Returns the index of the zoom that a median diameter needs, pixels of the image."""
        min_zoom = tf.constant(self._config.min_zoom, tf.float64)
        zoom = tf.clip_by_value(min_zoom, *self._config.zooms_for(diameter))
        octaves = tf.math.log(zoom / self._config.first_zoom) / math.log(2)
        step = tf.cast(tf.round(STEPS_PER_OCTAVE * octaves), tf.int32)
        return tf.clip_by_value(self._first + step, 0, len(self._zooms) - 1)


def median_diameter(areas: tf.Tensor, is_well: tf.Tensor, min_share: float) -> tf.Tensor:
    """Returns the median diameter of the objects, float64 scalar, without specks.

    An image may have more specks of noise than objects, so that the plain median would be that of
    the specks. Objects do not count if they are small beside the median of those that are seen
    well, which specks are not. If none is, the object to which the middle one of all pixels belongs
    takes its place: objects cover more area than specks, so this is hardly a speck.

    Args:
      areas: float64 [N], areas of the objects, N > 0.
      is_well: bool [N], which objects are seen well.
      min_share: Objects count if they have more than this share of that object's area; below 1.
    """
    areas_well = tf.sort(areas[is_well])
    areas = tf.sort(areas)
    if tf.size(areas_well) > 0:
        typical = areas_well[(tf.size(areas_well) - 1) // 2]
    else:
        covered = tf.cumsum(areas)
        typical = areas[tf.searchsorted(covered, covered[-1:] / 2)[0]]
    counted = _diameters(areas[areas > min_share * typical])
    count = tf.size(counted)
    return (counted[(count - 1) // 2] + counted[count // 2]) / 2


def _diameters(areas: tf.Tensor) -> tf.Tensor:
    """Returns the diameters of discs."""
    return tf.sqrt(4 / math.pi * areas)
