"""The logits of a picture, kept in memory so that it can be merged with other thresholds."""

import sys
from typing import Protocol

import numpy as np

from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data.windows import WindowedPicture
from affinity_seg.pipeline import large, memory
from affinity_seg.pipeline.large import Found
from affinity_seg.pipeline.predicting import Predictor
from affinity_seg.pipeline.segmenter import Segmenter

_ALL = sys.maxsize
"""Most bytes that are kept: no limit."""


class KeptLogits(Protocol):
    """The logits of a picture; for several threads.

    Attributes:
      zoomed_size: Height and width of the picture as the networks saw it; with regions of interest,
        those of the first one.
      num_bytes: Memory of the logits, bytes.
    """

    zoomed_size: tuple[int, int]
    num_bytes: int

    def merge(self, config: InferenceConfig) -> Found:
        """Returns what `large.find` returns with these parameters; the networks do not run.

        Args:
          config: The parameters; those of the networks, the regions and `merge_window` must be the
            ones with which the logits were predicted, and the zoom must lead to the same size.

        Raises:
          ValueError: The parameters do not fit the networks, or a logit is not finite.
          tf.errors.InvalidArgumentError: A logit is not finite.
        """


def predict(segmenter: Segmenter, picture: WindowedPicture) -> KeptLogits:
    """Runs the networks on a picture.

    Args:
      segmenter: The pipeline.
      picture: The picture.

    Raises:
      ValueError: As of `large.find`, or the logits surely do not fit into the memory.
      tf.errors.OpError: Likewise.
    """
    if large.is_large(segmenter.config, picture.size):
        return _InParts(segmenter, picture)
    return _Whole(segmenter, picture)


class _Whole:
    """Of a picture that is merged as a whole, or region by region."""

    def __init__(self, segmenter: Segmenter, picture: WindowedPicture):
        self._merger = segmenter.merger
        self._prediction = Predictor(segmenter).predict(picture.whole())
        regions = self._prediction.regions
        self.zoomed_size = regions[0].zoomed_size if regions else picture.size
        arrays = [self._prediction.semantic_logits]
        for region in regions:
            arrays += [region.semantic_logits, region.affinity_logits, region.region.mask]
        self.num_bytes = sum(np.asarray(array).nbytes for array in arrays)

    def merge(self, config: InferenceConfig) -> Found:
        return Found(self._merger.changed(config).merge(self._prediction))


class _InParts:
    """Of a large picture, see `large`."""

    def __init__(self, segmenter: Segmenter, picture: WindowedPicture):
        self._merger = segmenter.merger
        self._zoomed = large.predict(segmenter, picture, _ALL)
        memory.check_fits(self._zoomed.total_bytes, picture.size)
        self._zoomed.compute()
        self.zoomed_size, self.num_bytes = self._zoomed.zoomed_size, self._zoomed.num_bytes

    def merge(self, config: InferenceConfig) -> Found:
        zoomed, overlap = self._zoomed, config.overlap_of_parts
        if not large.is_large(config, zoomed.size):
            overlap = max(zoomed.zoomed_size)  # A single part.
        return large.merge(zoomed, self._merger.changed(config), overlap)
