"""The pipeline from an image to its instances: one object, called eagerly and exported as is."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import tensorflow as tf

from affinity_seg import ops
from affinity_seg.configs.inference import AUTO_ZOOM, InferenceConfig
from affinity_seg.instances import Instances
from affinity_seg.modeling.network import Network
from affinity_seg.pipeline import regions as regions_lib
from affinity_seg.pipeline import tiles, timeline
from affinity_seg.pipeline.filters import KEEP_ALL, InstanceFilter
from affinity_seg.pipeline.merging import GraphMerger
from affinity_seg.pipeline.pasting import Canvas
from affinity_seg.pipeline.predictions import RegionPrediction, select_views
from affinity_seg.pipeline.zooming import Objects, Zooming

Logits = TypeVar("Logits", tf.Tensor, np.ndarray)


class Segmenter(tf.Module):
    """The networks, regions, zoom, flips, tiles, merge, pasting and filters (paper 3.4, 4).

    Attributes:
      semantic: The network that runs on the full image; of a joint one, its semantic part.
      networks: Those that run on a crop: the semantic and the affinity one, or the joint one.
      config: Every parameter of the method.
      class_table: Classes of the semantic network.
      num_channels: Channels of the images.
      merger: The part of the pipeline after the networks.
      zooming: Finds the zoom of each image; None unless `config.zoom` is "auto".
    """

    def __init__(
        self,
        semantic: Network,
        affinity: Network,
        config: InferenceConfig,
        instance_filter: InstanceFilter = KEEP_ALL,
    ):
        """Checks that networks and configuration fit.

        Args:
          semantic: The semantic network, or a joint one.
          affinity: The affinity network, or the same joint one.
          config: Every parameter of the method.
          instance_filter: Which instances are kept.

        Raises:
          ValueError: Networks, configuration and filter do not fit each other.
        """
        super().__init__()
        is_joint = semantic is affinity
        for network, part in ((semantic, "semantic"), (affinity, "affinity")):
            if network.kind != ("joint" if is_joint else part):
                raise ValueError(f"the {part} network must be of that kind: {network.kind!r}")
        self.networks = (semantic,) if is_joint else (semantic, affinity)
        self.semantic = semantic.part("semantic") if is_joint else semantic
        self.config = config
        self.class_table = semantic.class_table
        self.num_channels = semantic.num_channels
        if affinity.num_channels != self.num_channels:
            raise ValueError(
                "the networks must have the same number of channels: "
                f"{self.num_channels} and {affinity.num_channels}"
            )
        of_networks = (
            self.class_table,
            affinity.distances,
            (semantic.output_stride, affinity.output_stride),
        )
        self.merger = GraphMerger(config, *of_networks, instance_filter)
        self.zooming = Zooming(config, *of_networks) if config.zoom == AUTO_ZOOM else None
        self._groups = config.class_groups(self.class_table)
        # A SavedModel holds the variables that it finds in attributes.
        self._variables = [variable for one in self.networks for variable in one.variables]

    def segment(self, image: tf.Tensor) -> Instances:
        """Returns the instances of an image, tensors; works eagerly and inside `tf.function`.

        Args:
          image: uint8 [H, W, C]; RGB, or with the channels of the networks.

        Raises:
          tf.errors.InvalidArgumentError: A logit of the networks is not finite.
        """
        size = tf.shape(image)[:2]
        contrasts = self.contrasts(image)
        canvas = self.merger.empty(size)
        if self.config.regions:
            with timeline.scope("full_image"):
                full = self._logits(self.semantic, contrasts[0], size)
            canvas = self._add_regions(canvas, self.found_regions(full, size), contrasts)
        else:
            regions = regions_lib.whole_image(size, self._groups, self.config)
            logits = self._whole_image_logits(contrasts, regions, size)
            canvas = self.merger.add(canvas, [RegionPrediction(one, *logits) for one in regions])
        return self.merger.finish(canvas)

    @property
    def ignores_brightness(self) -> bool:
        """Whether a network stretches the contrast, as for fluorescence microscopes."""
        return any(network.traits.contrast_percentiles for network in self.networks)

    def contrasts(self, image: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns an image in the contrast of each of `networks`, float32 [H, W, C], 0..255.

        `semantic` has the first.

        Raises:
          ValueError: The image has not as many channels as the networks.
        """
        return tuple(
            tf.cast(network.stretch_contrast(image), tf.float32) for network in self.networks
        )

    def flips(self, network: Network) -> tuple[bool, ...]:
        """Returns for each view of a network whether it is the mirrored one."""
        config = self.config
        is_flipped = {
            "semantic": config.semantic_flip,
            "affinity": config.affinity_flip,
            "joint": config.semantic_flip or config.affinity_flip,
        }[network.kind]
        return (False, True) if is_flipped else (False,)

    def split(self, logits: Sequence[Logits]) -> tuple[Logits, Logits]:
        """Returns the semantic and the affinity logits of a crop.

        Args:
          logits: Those of each of `networks`, float32 [F, h, w, C].

        Returns:
          The semantics [F, h, w, K] and the affinities [F, h, w, A]; each has the mirrored view
          only if the configuration wants it.
        """
        if len(logits) == 2:
            return tuple(logits)
        ((network,), (both,)) = self.networks, logits
        config = self.config
        flips = config.semantic_flip, config.affinity_flip
        parts = zip(network.split(both), flips, strict=True)
        return tuple(select_views(part, flip) for part, flip in parts)

    def run(self, network: Network, views: tf.Tensor) -> tf.Tensor:
        """Returns the logits of views of one size, in tiles if they are too large.

        Args:
          network: `semantic` or one of `networks`.
          views: float32 [B, H, W, C], see `view`.

        Returns:
          float32 [B, ceil(H / stride), ceil(W / stride), num_outputs].
        """
        return tiles.run(network, views, self.config.max_input_pixels, self.config.tile_overlap)

    def found_regions(self, full: tf.Tensor, size: tf.Tensor) -> ops.FoundRegions:
        """Returns the regions of interest of an image; `config.regions` must be True.

        Args:
          full: float32 [F, h, w, K], semantic logits of the full image.
          size: int32 [2], height and width of the image, pixels.
        """
        with timeline.scope("regions"):
            return regions_lib.find_regions(
                full, size, self._groups, self.config, stride=self.semantic.output_stride
            )

    def list_regions(self, full: tf.Tensor, size: tuple[int, int]) -> list[regions_lib.Region]:
        """Returns the regions of interest, or the whole image, as NumPy arrays; eager only."""
        if not self.config.regions:
            size = tf.constant(size)
            found = regions_lib.whole_image(size, self._groups, self.config)
            return [region.as_numpy() for region in found]
        return regions_lib.listed(self.found_regions(full, size))

    def _add_regions(
        self, canvas: Canvas, found: ops.FoundRegions, contrasts: tuple[tf.Tensor, ...]
    ) -> Canvas:
        """Predicts, merges and pastes the regions of interest one after the other."""
        for i in tf.range(tf.shape(found.boxes)[0]):
            tf.autograph.experimental.set_loop_options(
                parallel_iterations=1, shape_invariants=[(canvas, self.merger.canvas_shapes())]
            )
            region = regions_lib.region(found, i)
            logits = self._region_logits(contrasts, region.box)
            canvas = self.merger.add(canvas, [RegionPrediction(region, *logits)])
        return canvas

    def _whole_image_logits(
        self,
        contrasts: tuple[tf.Tensor, ...],
        regions: list[regions_lib.Region],
        size: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns the whole image's zoomed size, int32 [2], and its logits of both networks."""

        def predict(zoom: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            return self._region_logits(contrasts, regions[0].box, zoom)

        if self.zooming is None:
            return predict(None)

        def measure(logits: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> Objects:
            return self.zooming.measure(regions, logits, size)

        return self.zooming.settle(predict, measure, self.zooming.no_logits())

    def _region_logits(
        self,
        contrasts: tuple[tf.Tensor, ...],
        box: tf.Tensor,
        zoom: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns a region's zoomed size, int32 [2], and its logits of both networks."""
        zoomed = regions_lib.zoomed_size(box[2:] - box[:2], self.config, zoom)
        padded = regions_lib.padded_size(zoomed, self.config)
        logits = []
        for network, pixels in zip(self.networks, contrasts, strict=True):
            with timeline.scope(network.kind):
                found = self._logits(network, crop(pixels, box, zoomed), padded)
                found = needed(found, zoomed, network.output_stride)
            # Rounded to the type in which prediction records store logits.
            logits.append(tf.cast(found, self.config.logits_dtype))
        return zoomed, *self.split(logits)

    def _logits(self, network: Network, pixels: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        """Returns the logits of all views of a crop padded to `size`, float32 [F, h, w, C]."""
        views = [view(network, pixels, size, mirrored) for mirrored in self.flips(network)]
        return self.run(network, tf.stack(views))


def crop(pixels: tf.Tensor, box: tf.Tensor, zoomed: tf.Tensor) -> tf.Tensor:
    """Returns a region of an image at its zoomed size.

    Args:
      pixels: float32 [H, W, C], see `Segmenter.contrasts`.
      box: int32 [4], (y0, x0, y1, x1), ends exclusive, pixels.
      zoomed: int32 [2], see `regions.zoomed_size`.

    Returns:
      float32 [*zoomed, C].
    """
    return tf.image.resize(pixels[box[0] : box[2], box[1] : box[3]], zoomed, method="bilinear")


def view(network: Network, pixels: tf.Tensor, size: tf.Tensor, mirrored: bool) -> tf.Tensor:
    """Returns a crop as the input of a network: normalized, perhaps mirrored, and padded.

    Args:
      network: The network.
      pixels: float32 0..255 [h, w, C].
      size: int32 [2], height and width after padding with zeros at the bottom and right.
      mirrored: Whether it is mirrored, before the padding, which is at the right in any case.

    Returns:
      float32 [*size, C].
    """
    normalized = network.normalize(pixels[None])[0]
    normalized = normalized[:, ::-1] if mirrored else normalized
    missing = size - tf.shape(pixels)[:2]
    return tf.pad(normalized, [[0, missing[0]], [0, missing[1]], [0, 0]])


def needed(logits: tf.Tensor, zoomed: tf.Tensor, stride: int) -> tf.Tensor:
    """Cuts logits [F, h, w, C] to those that are read when the unpadded crop is upsampled.

    Pixel y lies between logit floor(y / stride) and the next one, which may lie in the padding.
    """
    rows, columns = tf.unstack((zoomed - 1) // stride + 2)
    return logits[:, :rows, :columns]
