"""One image to its instances inside a graph: what `Predictor` and `GraphMerger` do outside."""

import tensorflow as tf

from affinity_seg import grids, ops
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.inference import graph_tiles
from affinity_seg.inference.filters import KEEP_ALL, InstanceFilter
from affinity_seg.inference.networks import check_networks
from affinity_seg.instances import Instances
from affinity_seg.modeling.loading import Network
from affinity_seg.serving import pasting

STAGE_PREFIX = "stage_"
"""Begins the scopes of the stages, by which tools/benchmark_serving.py tells their operations."""


class Segmenter(tf.Module):
    """Both networks, regions, zoom, flips, tiles, merge, pasting and filters (paper 3.4, 4)."""

    def __init__(
        self,
        semantic: Network,
        affinity: Network,
        config: InferenceConfig,
        instance_filter: InstanceFilter = KEEP_ALL,
    ):
        """Checks that networks and configuration fit.

        Args:
          semantic: The semantic network.
          affinity: The affinity network.
          config: Every parameter of the method.
          instance_filter: Which instances leave the graph.

        Raises:
          ValueError: They do not fit each other.
        """
        super().__init__()
        check_networks(semantic, affinity, config)
        class_table = semantic.class_table
        instance_filter.check(class_table)
        self.class_table = class_table
        self._weights = [*semantic.model.variables, *affinity.model.variables]
        self._semantic = semantic
        self._affinity = affinity
        self._config = config
        self._filter = instance_filter
        self._groups = config.class_groups(class_table)
        self._options = config.merge_options(class_table, affinity.distances)

    def segment(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the instances of an image, inside a `tf.function`.

        Args:
          image: uint8 RGB [H, W, 3].

        Returns:
          As `pasting.number`.
        """
        config = self._config
        height, width = tf.shape(image)[0], tf.shape(image)[1]
        pixels = tf.cast(self._semantic.stretch_contrast(image), tf.float32)
        with _stage("full_image"):
            full = self._logits(self._semantic, pixels, config.semantic_flip, tf.shape(image)[:2])
        canvas = pasting.empty(height, width)
        if config.regions:
            canvas = self._regions(image, full, canvas)
        else:
            box = tf.stack([0, 0, height, width])
            mask = tf.fill([height, width], True)
            zoomed, semantic, affinity = self._crop_logits(image, box)
            wanted = range(1, max(self._groups) + 1) if config.partition else (0,)
            for group in wanted:
                result = self._merge(semantic, affinity, mask, zoomed, tf.constant(group))
                with _stage("pasting"):
                    canvas = pasting.paste(canvas, box, mask, result)
        return pasting.number(canvas, self._wanted(canvas))

    def _regions(self, image: tf.Tensor, full: tf.Tensor, canvas: pasting.Canvas) -> pasting.Canvas:
        """Merges and pastes the instances of all regions of interest."""
        with _stage("regions"):
            found = ops.find_regions(
                full,
                tf.shape(image)[:2],
                self._config,
                groups=self._groups,
                stride=self._semantic.output_stride,
            )
        for i in tf.range(tf.shape(found.boxes)[0]):
            tf.autograph.experimental.set_loop_options(
                parallel_iterations=1, shape_invariants=[(canvas, pasting.CANVAS_SHAPES)]
            )
            box = found.boxes[i]
            mask = found.masks[found.mask_splits[i] : found.mask_splits[i + 1]]
            mask = tf.reshape(mask, [box[2] - box[0], box[3] - box[1]])
            zoomed, semantic, affinity = self._crop_logits(image, box)
            result = self._merge(semantic, affinity, mask, zoomed, found.groups[i])
            with _stage("pasting"):
                canvas = pasting.paste(canvas, box, mask, result)
        return canvas

    def _crop_logits(
        self, image: tf.Tensor, box: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns a region's zoomed size, int32 [2], and what both networks say about it."""
        config = self._config
        zoomed = self._zoomed_size(box[2:] - box[:2])
        excess = tf.maximum(0, zoomed - config.crop_size)
        padded = config.crop_size - (-excess // config.bucket) * config.bucket
        logits = []
        for stage, network, flip in (
            ("semantic", self._semantic, config.semantic_flip),
            ("affinity", self._affinity, config.affinity_flip),
        ):
            with _stage(stage):
                pixels = network.stretch_contrast(image)[box[0] : box[2], box[1] : box[3]]
                crop = tf.image.resize(pixels, zoomed, method="bilinear")
                found = self._logits(network, crop, flip, padded)
            rows, columns = tf.unstack((zoomed - 1) // network.output_stride + 2)
            # What the records keep, see `networks.Predictor`.
            logits.append(tf.cast(found[:, :rows, :columns], config.logits_dtype))
        return zoomed, logits[0], logits[1]

    def _logits(self, network: Network, crop: tf.Tensor, flip: bool, size: tf.Tensor) -> tf.Tensor:
        """Returns the logits of a crop padded to `size`, float32 [F, h, w, C]."""
        normalized = network.normalize(crop[None])
        views = tf.concat([normalized, normalized[:, :, ::-1]], 0) if flip else normalized
        missing = size - tf.shape(crop)[:2]
        views = tf.pad(views, [[0, 0], [0, missing[0]], [0, missing[1]], [0, 0]])
        config = self._config
        return graph_tiles.run(network, views, config.max_input_pixels, config.tile_overlap)

    def _zoomed_size(self, sides: tf.Tensor) -> tf.Tensor:
        """Does what `regions.zoomed_size` does, for int32 [2]."""
        config, window = self._config, self._config.merge_window
        sides = tf.cast(sides, tf.float64)
        zoom = tf.constant(1.0, tf.float64)
        if config.resize:
            zoom = config.crop_size / sides[0]
            zoom = tf.minimum(tf.maximum(zoom, config.min_zoom), config.max_zoom)
        size = tf.maximum(1, tf.cast(tf.floor(sides * zoom + 0.5), tf.int32))
        return -(-size // window) * window

    def _merge(
        self,
        semantic: tf.Tensor,
        affinity: tf.Tensor,
        mask: tf.Tensor,
        zoomed: tf.Tensor,
        group: tf.Tensor,
    ) -> Instances:
        with _stage("merge"):
            return ops.graph_merge_from_logits(
                semantic,
                affinity,
                grids.nearest(mask, zoomed[0], zoomed[1]),
                self._options,
                semantic_stride=self._semantic.output_stride,
                affinity_stride=self._affinity.output_stride,
                group=group,
            )

    def _wanted(self, canvas: pasting.Canvas) -> tf.Tensor:
        """Returns which candidates the filter keeps, bool [M]."""
        wanted = tf.ones_like(canvas.classes, tf.bool)
        if self._filter.min_score is not None:
            wanted &= canvas.scores >= self._filter.min_score
        if self._filter.classes is not None:
            names = self.class_table.class_names
            kept = tf.constant([name in self._filter.classes for name in names])
            wanted &= tf.gather(kept, canvas.classes)
        return wanted


def _stage(name: str) -> tf.name_scope:
    """Returns the scope of the operations of a stage."""
    return tf.name_scope(STAGE_PREFIX + name)
