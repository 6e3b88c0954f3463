"""From the networks' logits to the instances of an image: the graph with the C++ op."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from affinity_seg import ops
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.inference.components import connected_components
from affinity_seg.inference.instances import Instances
from affinity_seg.inference.pasting import paste
from affinity_seg.inference.predictions import ImagePrediction, RegionPrediction
from affinity_seg.inference.probabilities import semantic_probabilities
from affinity_seg.inference.regions import resize_nearest
from affinity_seg.labels import ClassTable
from affinity_seg.ops.types import GraphMergeResult


class GraphMerger:
    """Merges predictions into instances (paper 3.4, 4)."""

    def __init__(self, config: InferenceConfig, class_table: ClassTable):
        """Prepares the merge.

        Args:
          config: Every parameter of the merge.
          class_table: The classes of the semantic network.

        Raises:
          ValueError: The configuration does not fit the class table.
        """
        self._config = config
        self._groups = config.class_groups(class_table)
        self._refine_classes = config.refine_class_indices(class_table)
        self._graphs: dict[tuple, Callable] = {}

    def merge(self, prediction: ImagePrediction) -> Instances:
        """Returns the instances of an image.

        Raises:
          ValueError: The configuration does not fit the network's distances, or a logit is
            not finite.
        """
        config = self._config
        if sum(config.stages) != len(prediction.distances):
            raise ValueError(
                f"`stages` must add up to the {len(prediction.distances)} distances of the "
                f"affinity network: {config.stages}"
            )
        results = [self._merge_region(prediction, item) for item in prediction.regions]
        return paste(
            [item.region for item in prediction.regions],
            results,
            prediction.height,
            prediction.width,
            len(self._groups),
        )

    def _merge_region(self, prediction: ImagePrediction, item: RegionPrediction):
        strides = (prediction.semantic_stride, prediction.affinity_stride)
        flips = (len(item.semantic_logits), len(item.affinity_logits))
        height, width = item.zoomed_size
        graph = self._graph(strides, flips, prediction.distances)
        try:
            result = graph(
                tf.constant(item.semantic_logits),
                tf.constant(item.affinity_logits),
                tf.constant(resize_nearest(item.region.mask, height, width)),
                tf.constant(item.region.group, tf.int32),
            )
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(f"region at {item.region.box}: {_reason(error)}") from error
        return GraphMergeResult(*(values.numpy() for values in result))

    def _graph(
        self, strides: tuple[int, int], flips: tuple[int, int], distances: tuple[int, ...]
    ) -> Callable:
        """Returns the graph from logits to instances, one trace for all sizes of regions."""
        key = (strides, flips, distances)
        if key not in self._graphs:
            self._graphs[key] = self._build_graph(*key)
        return self._graphs[key]

    def _build_graph(self, strides, flips, distances):
        config = self._config
        num_classes, num_channels = len(self._groups), 8 * len(distances)

        @tf.function(
            input_signature=[
                tf.TensorSpec([flips[0], None, None, num_classes], tf.float16),
                tf.TensorSpec([flips[1], None, None, num_channels], tf.float16),
                tf.TensorSpec([None, None], tf.bool),
                tf.TensorSpec([], tf.int32),
            ]
        )
        def graph(semantic_logits, affinity_logits, mask, group):
            return ops.graph_merge_from_logits(
                affinity_logits,
                semantic_logits,
                mask,
                affinity_stride=strides[1],
                semantic_stride=strides[0],
                distances=distances,
                stages=config.stages,
                thresholds=config.thresholds,
                groups=self._groups,
                alpha=config.alpha,
                merge_window=config.merge_window,
                refine=config.refine,
                refine_classes=self._refine_classes,
                linkage=config.linkage,
                min_pixels=config.min_pixels,
                group=group,
            )

        return graph


def _reason(error: tf.errors.OpError) -> str:
    """Returns the op's own message without the graph's traceback around it."""
    return error.message.split("\n\t [[")[0].rsplit("\n", 1)[-1]


def merge_components(prediction: ImagePrediction, min_pixels: int) -> Instances:
    """Returns the instances of the baseline: components of the full image's semantics."""
    probabilities = semantic_probabilities(
        tf.constant(prediction.semantic_logits),
        prediction.semantic_stride,
        prediction.height,
        prediction.width,
    )
    return connected_components(np.asarray(probabilities), min_pixels)
