"""A large picture at one zoom: the logits of its parts, and the instances of each part."""

import numpy as np
import tensorflow as tf

from affinity_seg.data.windows import WindowedPicture
from affinity_seg.pipeline import parts, pasting
from affinity_seg.pipeline import regions as regions_lib
from affinity_seg.pipeline.merging import GraphMerger
from affinity_seg.pipeline.parts import Part
from affinity_seg.pipeline.predictions import RegionPrediction
from affinity_seg.pipeline.segmenter import Segmenter
from affinity_seg.pipeline.tiled_logits import TiledLogits, ZoomedPixels


class ZoomedPicture:
    """A picture at one zoom, with the logits of its parts.

    Once `compute` has been called, several threads may use it.

    Attributes:
      size: Height and width of the picture, pixels.
      zoomed_size: The same after the zoom.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        picture: WindowedPicture,
        histogram: np.ndarray,
        zoom: tf.Tensor | None,
        kept_bytes: int,
    ):
        """Prepares the networks' inputs; the networks run when logits are needed.

        Args:
          segmenter: The pipeline.
          picture: The picture.
          histogram: Of `picture.histogram`.
          zoom: As in `regions.zoomed_size`.
          kept_bytes: Most bytes of logits that are kept; others are computed again when they are
            needed again.
        """
        self._segmenter = segmenter
        self.size = picture.size
        config = segmenter.config
        zoomed = regions_lib.zoomed_size(tf.constant(picture.size), config, zoom)
        padded = tuple(regions_lib.padded_size(zoomed, config).numpy().tolist())
        self.zoomed_size = tuple(zoomed.numpy().tolist())
        self._groups = config.class_groups(segmenter.class_table)
        self._logits = [
            TiledLogits(
                network,
                segmenter.flips(network),
                ZoomedPixels(picture, histogram, network, self.zoomed_size).read,
                self.zoomed_size,
                padded,
                config,
                kept_bytes // len(segmenter.networks),
            )
            for network in segmenter.networks
        ]

    @property
    def num_bytes(self) -> int:
        """Memory of the logits that are kept now, bytes."""
        return sum(logits.num_bytes for logits in self._logits)

    @property
    def total_bytes(self) -> int:
        """Memory of the logits of the whole picture, bytes."""
        return sum(logits.total_bytes for logits in self._logits)

    def compute(self) -> None:
        """Runs the networks on the whole picture."""
        for logits in self._logits:
            logits.compute()

    def parts(self, overlap: int) -> list[Part]:
        """Returns the parts, see `parts.cut`; a single one if the overlap is `max(zoomed_size)`.

        Args:
          overlap: How far a part sees beyond its core, zoomed pixels.
        """
        core = parts.width_of(overlap)
        width = min(logits.columns(core + 2 * overlap) for logits in self._logits)
        columns = max(1, width // core)
        return parts.cut(self.size, self.zoomed_size, overlap, columns)

    def merge(self, part: Part, merger: GraphMerger) -> pasting.Canvas:
        """Returns the instances of a part, in pixels of `part.box`."""
        segmenter = self._segmenter
        semantic, affinity = segmenter.split([logits.read(part.zoomed) for logits in self._logits])
        size = tf.constant(part.size)
        regions = regions_lib.whole_image(size, self._groups, segmenter.config)
        predictions = [
            RegionPrediction(region, part.zoomed_size, semantic, affinity) for region in regions
        ]
        return merger.add(merger.empty(size), predictions, part.grid)
