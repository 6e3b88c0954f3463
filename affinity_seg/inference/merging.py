"""From the networks' logits to the instances of an image: the graph with the C++ op."""

import re

import numpy as np
import tensorflow as tf

from affinity_seg import grids, ops
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.inference.components import connected_components
from affinity_seg.inference.pasting import paste
from affinity_seg.inference.predictions import ImagePrediction, RegionPrediction
from affinity_seg.inference.probabilities import semantic_probabilities
from affinity_seg.instances import Instances
from affinity_seg.labels import ClassTable


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
        config.class_groups(class_table)
        config.refine_class_indices(class_table)
        self._class_table = class_table

    def merge(self, prediction: ImagePrediction) -> Instances:
        """Returns the instances of an image.

        Raises:
          ValueError: The configuration does not fit the network's distances, or a logit is
            not finite.
        """
        regions = prediction.regions
        options = self._config.merge_options(self._class_table, prediction.distances)
        try:
            results = ops.graph_merge_from_logits_batch(
                [item.semantic_logits for item in regions],
                [item.affinity_logits for item in regions],
                [grids.nearest(item.region.mask, *item.zoomed_size) for item in regions],
                options,
                semantic_stride=prediction.semantic_stride,
                affinity_stride=prediction.affinity_stride,
                group=[item.region.group for item in regions],
            )
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(_reason(error, regions)) from error
        return paste(
            [item.region for item in regions],
            [Instances(*(values.numpy() for values in result)) for result in results],
            prediction.height,
            prediction.width,
            self._class_table.num_classes,
        )


def class_candidates(instances: Instances, config: InferenceConfig) -> ops.Candidates:
    """Returns what is listed of the instances, see `config.vote_min_ratio`, as NumPy arrays."""
    found = ops.class_candidates(
        instances.classes, instances.scores, instances.votes, config.vote_min_ratio
    )
    return ops.Candidates(*(values.numpy() for values in found))


def _reason(error: tf.errors.OpError, regions: list[RegionPrediction]) -> str:
    """Returns the op's own message, with the region's place in the image."""
    found = re.search(r"image (\d+) of the list: (.*?)( \[Op:|$)", error.message)
    if found is None:
        return error.message
    return f"region at {regions[int(found[1])].region.box}: {found[2]}"


def merge_components(prediction: ImagePrediction, min_pixels: int) -> Instances:
    """Returns the instances of the baseline: components of the full image's semantics."""
    probabilities = semantic_probabilities(
        tf.constant(prediction.semantic_logits),
        prediction.semantic_stride,
        prediction.height,
        prediction.width,
    )
    return connected_components(np.asarray(probabilities), min_pixels)
