"""Segments pictures that are too large for the memory, in parts.

`Segmenter.segment` holds the logits of the whole picture at once. Here the picture is read, zoomed
and given to the networks tile by tile (`tiled_logits`), and merged part by part (`parts`). The
instances are those of the whole picture, if they are not larger than the overlap of the parts.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from affinity_seg.data.sampling import spread
from affinity_seg.data.windows import WindowedPicture
from affinity_seg.instances import CroppedInstances, Instances
from affinity_seg.pipeline import part_results, parts, pasting
from affinity_seg.pipeline import regions as regions_lib
from affinity_seg.pipeline.merging import GraphMerger
from affinity_seg.pipeline.parts import Part
from affinity_seg.pipeline.predictions import RegionPrediction
from affinity_seg.pipeline.segmenter import Segmenter
from affinity_seg.pipeline.tiled_logits import KEPT_BYTES, TiledLogits, ZoomedPixels

MAX_MEASURED_PARTS = 32
"""Where there are more parts, the objects of so many, evenly spread, are measured for the zoom."""

Progress = Callable[[Sequence[Part], str], Iterable[Part]]
"""Yields the parts and shows how far they are; the text is what is done with them."""


class Found(NamedTuple):
    """What was found in a large picture.

    Attributes:
      instances: The instances; cropped ones of a picture that was segmented in parts.
      num_cut: How many of them may be pieces of objects larger than the overlap.
      overlap: The overlap of the parts, zoomed pixels.
    """

    instances: Instances | CroppedInstances
    num_cut: int = 0
    overlap: int = 0

    @property
    def warning(self) -> str | None:
        """A line about objects that may be cut; None if there are none."""
        if not self.num_cut:
            return None
        return (
            f"{self.num_cut} of {len(self.instances.classes)} instances reach farther than the "
            f"overlap of the parts in which the picture is merged, {self.overlap} zoomed pixels, "
            "and may be cut; give a larger one with "
            f"`--override=merge_overlap={2 * self.overlap}` (in Python `merge_overlap`)"
        )


def is_large(segmenter: Segmenter, size: tuple[int, int]) -> bool:
    """Returns whether a picture is to be segmented in parts.

    That is so if its networks' input may have more pixels than `max_input_pixels`. With a preset
    with regions it never is: such presets hold the whole picture.

    Args:
      segmenter: The pipeline.
      size: Height and width of the picture, pixels.
    """
    config = segmenter.config
    if config.regions:
        return False
    zoom = None if segmenter.zooming is None else tf.constant(config.max_zoom, tf.float64)
    zoomed = regions_lib.zoomed_size(tf.constant(size), config, zoom)
    padded = regions_lib.padded_size(zoomed, config).numpy()
    return int(padded[0]) * int(padded[1]) > config.max_input_pixels


def no_progress(parts: Sequence[Part], what: str) -> Iterable[Part]:
    """Shows nothing."""
    del what
    return parts


def find(segmenter: Any, picture: WindowedPicture, progress: Progress = no_progress) -> Found:
    """Returns the instances of a picture, which is segmented in parts if it is large.

    Args:
      segmenter: The pipeline, or an exported model, which needs the whole picture.
      picture: The picture.
      progress: As of `segment`.

    Raises:
      ValueError: As `segment`, or the picture is too large to be held as a whole.
      tf.errors.OpError: The networks cannot run on it.
    """
    if isinstance(segmenter, Segmenter) and is_large(segmenter, picture.size):
        return segment(segmenter, picture, progress)
    return Found(segmenter.segment(picture.whole()).as_numpy())


def segment(
    segmenter: Segmenter, picture: WindowedPicture, progress: Progress = no_progress
) -> Found:
    """Returns the instances of a picture of any size; `config.regions` must be False.

    Args:
      segmenter: The pipeline.
      picture: The picture.
      progress: Shows how many parts are done.

    Raises:
      ValueError: The picture's file is damaged.
      tf.errors.InvalidArgumentError: A logit of the networks is not finite.
    """
    histogram = picture.histogram()
    zooming = segmenter.zooming

    def predict(zoom: tf.Tensor | None) -> _ZoomedPicture:
        return _ZoomedPicture(segmenter, picture, histogram, zoom)

    def areas(zoomed: _ZoomedPicture) -> tf.Tensor:
        return tf.constant(_areas(zoomed, zooming.merger, progress), tf.float64)

    zoomed = predict(None) if zooming is None else zooming.settle(predict, areas)
    results = part_results.PartResults(picture.size, segmenter.class_table)
    for part in progress(zoomed.parts(), "segment"):
        canvas = zoomed.merge(part, segmenter.merger)
        results.add(part, segmenter.merger.finish(canvas).as_numpy())
    instances, num_cut = results.finish()
    return Found(instances, num_cut, segmenter.config.overlap_of_parts)


def _areas(zoomed: "_ZoomedPicture", merger: GraphMerger, progress: Progress) -> np.ndarray:
    """Returns the areas of the objects, pixels of the picture; of some parts if there are many."""
    sizes = [np.zeros(0, np.int64)]
    for part in progress(spread(zoomed.parts(), MAX_MEASURED_PARTS), "measure objects"):
        found = pasting.number(zoomed.merge(part, merger)).as_numpy()
        sizes.append(found.sizes[part.owns(found.boxes + part.offset)])
    return np.concatenate(sizes)


class _ZoomedPicture:
    """A picture at one zoom, with the logits of its parts."""

    def __init__(
        self,
        segmenter: Segmenter,
        picture: WindowedPicture,
        histogram: np.ndarray,
        zoom: tf.Tensor | None,
    ):
        """Prepares the networks' inputs.

        Args:
          segmenter: The pipeline.
          picture: The picture.
          histogram: Of `picture.histogram`.
          zoom: As in `regions.zoomed_size`.
        """
        self._segmenter = segmenter
        self._size = picture.size
        config = segmenter.config
        zoomed = regions_lib.zoomed_size(tf.constant(picture.size), config, zoom)
        padded = tuple(regions_lib.padded_size(zoomed, config).numpy().tolist())
        self._zoomed = tuple(zoomed.numpy().tolist())
        self._groups = config.class_groups(segmenter.class_table)
        self._logits = [
            TiledLogits(
                network,
                segmenter.flips(network),
                ZoomedPixels(picture, histogram, network, self._zoomed).read,
                self._zoomed,
                padded,
                config,
                KEPT_BYTES // len(segmenter.networks),
            )
            for network in segmenter.networks
        ]

    def parts(self) -> list[Part]:
        """Returns the parts, see `parts.cut`."""
        overlap = self._segmenter.config.overlap_of_parts
        width = min(logits.columns for logits in self._logits)
        columns = max(1, width // parts.width_of(overlap))
        return parts.cut(self._size, self._zoomed, overlap, columns)

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
