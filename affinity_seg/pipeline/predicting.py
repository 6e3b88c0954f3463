"""The logits of many images for prediction records: crops of equal size run together."""

from collections.abc import Hashable, Sequence

import numpy as np
import tensorflow as tf

from affinity_seg.modeling.network import Network
from affinity_seg.pipeline import memory, timeline, zooming
from affinity_seg.pipeline import regions as regions_lib
from affinity_seg.pipeline import segmenter as segmenter_lib
from affinity_seg.pipeline.predictions import ImagePrediction, RegionPrediction
from affinity_seg.pipeline.segmenter import Segmenter

LogitsCache = dict[Hashable, np.ndarray]
"""Logits of crops of one image, float32 [h, w, C], by network, tiling, padded size, crop, flip."""


class Predictor:
    """Runs the networks of a `Segmenter` over an image and returns their logits."""

    def __init__(self, segmenter: Segmenter, times: timeline.Timeline | None = None):
        """Initializes the predictor.

        Args:
          segmenter: The pipeline.
          times: Collects when the networks were at work.
        """
        self.segmenter = segmenter
        self._times = timeline.Timeline() if times is None else times

    def predict(
        self, image: np.ndarray, logits_cache: LogitsCache | None = None
    ) -> ImagePrediction:
        """Returns the logits of an image and of its regions.

        Args:
          image: uint8 [H, W, C], with the channels of the networks.
          logits_cache: Logits of crops of this image that the same networks computed before,
            perhaps with another configuration. They are not computed again; new ones are added.

        Returns:
          The prediction.

        Raises:
          ValueError: As of `memory.check_whole`.
        """
        segmenter, config = self.segmenter, self.segmenter.config
        cache = {} if logits_cache is None else logits_cache
        height, width = size = image.shape[:2]
        memory.check_whole(segmenter, size)
        contrasts = segmenter.contrasts(image)
        whole = (0, 0, height, width), size
        full = self._logits(segmenter.semantic, {whole: (contrasts[0], size)}, cache)[whole]
        regions = segmenter.list_regions(full, size)
        if segmenter.zooming is None:
            found = self._predict_regions(contrasts, regions, cache)
        else:

            def predict(zoom: tf.Tensor) -> zooming.Logits:
                return self._predict_regions(contrasts, regions[:1], cache, zoom)[0][1:]

            def measure(logits: zooming.Logits) -> zooming.Objects:
                return segmenter.zooming.measure(regions, logits, tf.constant(size))

            logits = segmenter.zooming.settle(predict, measure)
            found = [RegionPrediction(region, *logits) for region in regions]
        return ImagePrediction(
            height=height,
            width=width,
            semantic_stride=segmenter.semantic.output_stride,
            affinity_stride=segmenter.networks[-1].output_stride,
            distances=tuple(segmenter.networks[-1].distances),
            semantic_logits=full.astype(config.logits_dtype),
            regions=found,
        )

    def _predict_regions(
        self,
        contrasts: tuple[tf.Tensor, ...],
        regions: Sequence[regions_lib.Region],
        cache: LogitsCache,
        zoom: tf.Tensor | None = None,
    ) -> list[RegionPrediction]:
        """Returns the logits of regions.

        Args:
          contrasts: Of `Segmenter.contrasts`.
          regions: The regions, NumPy arrays.
          cache: As in `predict`.
          zoom: As in `regions.zoomed_size`.
        """
        segmenter, dtype = self.segmenter, self.segmenter.config.logits_dtype
        places = [(region.box, _zoomed(region, segmenter, zoom)) for region in regions]
        found = [
            self._crop_logits(network, pixels, places, cache)
            for network, pixels in zip(segmenter.networks, contrasts, strict=True)
        ]
        return [
            RegionPrediction(
                region,
                place[1],
                *segmenter.split([logits[place].astype(dtype) for logits in found]),
            )
            for region, place in zip(regions, places, strict=True)
        ]

    def _crop_logits(
        self, network: Network, pixels: tf.Tensor, places: Sequence[Hashable], cache: LogitsCache
    ) -> dict[Hashable, np.ndarray]:
        """Returns the logits of zoomed crops of an image, by box and zoomed size."""
        crops = {}
        for box, zoomed in dict.fromkeys(places):  # Two super-classes may have the same box.
            padded = regions_lib.padded_size(tf.constant(zoomed), self.segmenter.config)
            crop = segmenter_lib.crop(pixels, tf.constant(box), tf.constant(zoomed))
            crops[box, zoomed] = crop, tuple(padded.numpy().tolist())
        return {
            place: segmenter_lib.needed(logits, np.int32(place[1]), network.output_stride)
            for place, logits in self._logits(network, crops, cache).items()
        }

    def _logits(
        self,
        network: Network,
        crops: dict[Hashable, tuple[tf.Tensor, tuple[int, int]]],
        cache: LogitsCache,
    ) -> dict[Hashable, np.ndarray]:
        """Returns the logits of each crop, float32 [F, h, w, C].

        Args:
          network: The network.
          crops: By a key for each crop: its pixels, float32 0..255 [H, W, C], and the height
            and width that it is padded to.
          cache: As in `predict`.
        """
        config = self.segmenter.config
        tiling = config.max_input_pixels, config.tile_overlap
        keys = {
            name: [(network, tiling, size, name, flip) for flip in self.segmenter.flips(network)]
            for name, (_, size) in crops.items()
        }
        views = {
            key: segmenter_lib.view(network, *crops[name], mirrored=key[-1])
            for name, own in keys.items()
            for key in own
            if key not in cache
        }
        cache.update(zip(views, self._run(network, list(views.values())), strict=True))
        return {name: np.stack([cache[key] for key in own]) for name, own in keys.items()}

    def _run(self, network: Network, views: Sequence[tf.Tensor]) -> list[np.ndarray]:
        """Returns the logits of each view; views of equal size run together."""
        logits: dict[int, np.ndarray] = {}
        sizes = [tuple(view.shape[:2]) for view in views]
        for batch in _batches(sizes, self.segmenter.config.max_input_pixels):
            stacked = tf.stack([views[i] for i in batch])
            with self._times.span(timeline.NETWORK, f"{network.kind} {tuple(stacked.shape)}"):
                found = self.segmenter.run(network, stacked).numpy()
            logits.update(zip(batch, found, strict=True))
        return [logits[i] for i in range(len(views))]


def _zoomed(
    region: regions_lib.Region, segmenter: Segmenter, zoom: tf.Tensor | None
) -> tuple[int, int]:
    y0, x0, y1, x1 = region.box
    size = regions_lib.zoomed_size(tf.constant([y1 - y0, x1 - x0]), segmenter.config, zoom)
    return tuple(size.numpy().tolist())


def _batches(sizes: Sequence[tuple[int, int]], largest: int) -> list[list[int]]:
    """Groups indices of equal sizes into batches of at most twice `largest` pixels.

    Sizes above `largest` run in tiles of at most that many pixels, so an input and its mirror
    image always run together.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for i, size in enumerate(sizes):
        groups.setdefault(size, []).append(i)
    batches = []
    for (height, width), members in groups.items():
        step = max(1, 2 * largest // min(height * width, largest))
        batches += [members[i : i + step] for i in range(0, len(members), step)]
    return batches
