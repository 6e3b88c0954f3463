"""Merges the networks' logits of all regions into the instances of an image."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from affinity_seg import grids, ops
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.instances import Instances
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline import pasting, timeline
from affinity_seg.pipeline.components import connected_components
from affinity_seg.pipeline.filters import KEEP_ALL, InstanceFilter
from affinity_seg.pipeline.predictions import ImagePrediction, RegionPrediction
from affinity_seg.pipeline.probabilities import check_finite, image_probabilities


class GraphMerger(tf.Module):
    """Merges logits into instances (paper 3.4, 4); eagerly or inside a graph.

    Attributes:
      class_table: The classes.
      instance_filter: Which instances are kept, beside what `min_score` of the configuration says.
    """

    def __init__(
        self,
        config: InferenceConfig,
        class_table: ClassTable,
        distances: Sequence[int],
        strides: tuple[int, int],
        instance_filter: InstanceFilter = KEEP_ALL,
    ):
        """Prepares the merge.

        Args:
          config: Every parameter of the merge.
          class_table: The classes of the semantic network.
          distances: Distances of the affinity channels, pixels.
          strides: Pixels per semantic and per affinity logit.
          instance_filter: Which instances are kept.

        Raises:
          ValueError: The configuration or the filter do not fit the networks.
        """
        super().__init__()
        instance_filter.check(class_table)
        self.class_table = class_table
        self.instance_filter = instance_filter
        self._distances = tuple(distances)
        self._kept = instance_filter.at_least(config.min_score)
        self._options = config.merge_options(class_table, distances)
        self._strides = strides

    def changed(self, config: InferenceConfig) -> "GraphMerger":
        """Returns the merger of the same networks and filter with other parameters.

        Raises:
          ValueError: The configuration does not fit the networks.
        """
        return GraphMerger(
            config, self.class_table, self._distances, self._strides, self.instance_filter
        )

    def empty(self, size: tf.Tensor | tuple[int, int]) -> pasting.Canvas:
        """Returns a canvas for an image of `size`, height and width, before its first region."""
        return pasting.empty(size, self.class_table.num_classes)

    def canvas_shapes(self) -> pasting.Canvas:
        """Returns the static shapes of a canvas, for loops in a graph."""
        return pasting.shapes(self.class_table.num_classes)

    def add(
        self,
        canvas: pasting.Canvas,
        regions: Sequence[RegionPrediction],
        part: grids.Part | None = None,
    ) -> pasting.Canvas:
        """Merges regions in parallel and pastes their instances.

        Args:
          canvas: The canvas with the earlier regions.
          regions: The logits of each region, all of one type.
          part: As in `pasting.paste`, of all regions.

        Returns:
          The canvas with these regions as well.

        Raises:
          tf.errors.InvalidArgumentError: A logit is not finite; the message has the position in
            `regions`.
        """
        with timeline.scope("merge"):
            found = ops.graph_merge_from_logits_batch(
                **_inputs(regions),
                options=self._options,
                semantic_stride=self._strides[0],
                affinity_stride=self._strides[1],
            )
        with timeline.scope("pasting"):
            for item, instances in zip(regions, found, strict=True):
                canvas = pasting.paste(canvas, item.region, instances, part)
        return canvas

    def edges(self, regions: Sequence[RegionPrediction]) -> list[np.ndarray]:
        """Returns the graph that `add` clusters, for each region, see `ops.merge_edges`."""
        found = ops.merge_edges(**_inputs(regions), options=self._options, strides=self._strides)
        return [edges.numpy() for edges in found]

    def finish(self, canvas: pasting.Canvas) -> Instances:
        """Returns the instances of all regions that filter and configuration keep, tensors."""
        with timeline.scope("pasting"):
            kept = self._kept.keeps(canvas.classes, canvas.scores, self.class_table)
            return pasting.number(canvas, kept)

    def merge(self, prediction: ImagePrediction) -> Instances:
        """Returns the instances of an image from its logits, NumPy arrays.

        Raises:
          ValueError: A logit is not finite; the message names the region.
        """
        for item in prediction.regions:
            for name in ("semantic", "affinity"):
                logits = getattr(item, f"{name}_logits")
                check_finite(logits, name, f"region at {item.region.box}")
        canvas = self.add(self.empty((prediction.height, prediction.width)), prediction.regions)
        return self.finish(canvas).as_numpy()._replace(class_table=self.class_table)


def merger_of(
    prediction: ImagePrediction, config: InferenceConfig, class_table: ClassTable
) -> GraphMerger:
    """Returns a `GraphMerger` for predictions like this one; it has the same errors."""
    strides = prediction.semantic_stride, prediction.affinity_stride
    return GraphMerger(config, class_table, prediction.distances, strides)


def class_candidates(instances: Instances, config: InferenceConfig) -> ops.Candidates:
    """Returns the predictions of instances, one for each class that `config.vote_min_ratio` lists.

    All are NumPy arrays. Those with a lower score than `config.min_score` are left out.
    """
    found = ops.class_candidates(
        instances.classes, instances.scores, instances.votes, config.vote_min_ratio
    )
    listed = ops.Candidates(*(values.numpy() for values in found))
    return KEEP_ALL.at_least(config.min_score).select_candidates(listed, instances.class_table)


def merge_components(prediction: ImagePrediction, min_pixels: int) -> Instances:
    """Returns the instances of the baseline: connected components of the full image's classes.

    Raises:
      ValueError: A logit is not finite.
    """
    return connected_components(image_probabilities(prediction), min_pixels)


def _inputs(regions: Sequence[RegionPrediction]) -> dict[str, list]:
    """Returns the arguments of the ops that differ between regions."""
    return {
        "semantic": [item.semantic_logits for item in regions],
        "affinity": [item.affinity_logits for item in regions],
        "mask": [_zoomed_mask(item) for item in regions],
        "group": [item.region.group for item in regions],
    }


def _zoomed_mask(item: RegionPrediction) -> tf.Tensor:
    """Returns where vertices may be, bool of the zoomed size."""
    return grids.nearest(item.region.mask, item.zoomed_size[0], item.zoomed_size[1])
