"""Segments pictures that are too large for the memory, in parts.

`Segmenter.segment` holds the logits of the whole picture at once. Here the picture is read, zoomed
and given to the networks tile by tile (`tiled_logits`), and merged part by part (`parts`). The
instances are those of the whole picture, if they are not larger than the overlap of the parts.
`predict` and `merge` are the two steps of `segment`, for who merges a picture several times.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data.sampling import spread
from affinity_seg.data.windows import WindowedPicture
from affinity_seg.instances import CroppedInstances, Instances
from affinity_seg.pipeline import memory, part_results, pasting
from affinity_seg.pipeline import regions as regions_lib
from affinity_seg.pipeline.merging import GraphMerger
from affinity_seg.pipeline.parts import Part
from affinity_seg.pipeline.segmenter import Segmenter
from affinity_seg.pipeline.zoomed_picture import ZoomedPicture
from affinity_seg.pipeline.zooming import Objects

KEPT_BYTES = 3 * 2**27
"""Most bytes of logits that `segment` keeps for the next parts, of all networks together."""

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


def is_large(config: InferenceConfig, size: tuple[int, int]) -> bool:
    """Returns whether a picture is to be segmented in parts.

    That is so if its networks' input may have more pixels than `max_input_pixels`. With a preset
    with regions it never is: such presets hold the whole picture.

    Args:
      config: Every parameter of the method.
      size: Height and width of the picture, pixels.
    """
    if config.regions:
        return False
    zoomed = regions_lib.whole_zoomed_size(size, config, config.max_zoom)
    height, width = regions_lib.padded_size(tf.constant(zoomed), config).numpy().tolist()
    return height * width > config.max_input_pixels


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
    if isinstance(segmenter, Segmenter):
        if is_large(segmenter.config, picture.size):
            return segment(segmenter, picture, progress)
        memory.check_whole(segmenter, picture.size)
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
    zoomed = predict(segmenter, picture, KEPT_BYTES, progress)
    return merge(zoomed, segmenter.merger, segmenter.config.overlap_of_parts, progress)


def predict(
    segmenter: Segmenter,
    picture: WindowedPicture,
    kept_bytes: int,
    progress: Progress = no_progress,
) -> ZoomedPicture:
    """Returns a picture at the zoom that its objects need; errors as of `segment`.

    Args:
      segmenter: The pipeline; `config.regions` must be False.
      picture: The picture.
      kept_bytes: As of `ZoomedPicture`.
      progress: Shows how many parts are measured for the zoom.
    """
    histogram = picture.histogram()
    zooming = segmenter.zooming

    def at(zoom: tf.Tensor | None) -> ZoomedPicture:
        return ZoomedPicture(segmenter, picture, histogram, zoom, kept_bytes)

    def measure(zoomed: ZoomedPicture) -> Objects:
        parts = zoomed.parts(segmenter.config.overlap_of_parts)
        return _measure(zoomed, parts, zooming.merger, progress)

    return at(None) if zooming is None else zooming.settle(at, measure)


def merge(
    zoomed: ZoomedPicture, merger: GraphMerger, overlap: int, progress: Progress = no_progress
) -> Found:
    """Returns the instances of a picture from its logits; errors as of `segment`.

    Args:
      zoomed: The picture.
      merger: Merges the logits.
      overlap: As of `ZoomedPicture.parts`.
      progress: Shows how many parts are done.
    """
    results = part_results.PartResults(zoomed.size, merger.class_table)
    for part in progress(zoomed.parts(overlap), "segment"):
        results.add(part, merger.finish(zoomed.merge(part, merger)).as_numpy())
    instances, num_cut = results.finish()
    return Found(instances, num_cut, overlap)


def _measure(
    zoomed: ZoomedPicture, parts: Sequence[Part], merger: GraphMerger, progress: Progress
) -> Objects:
    """Returns the objects of a picture; those of some parts if there are many."""
    sizes, scores = [np.zeros(0)], [np.zeros(0)]
    for part in progress(spread(parts, MAX_MEASURED_PARTS), "measure objects"):
        found = pasting.number(zoomed.merge(part, merger)).as_numpy()
        is_own = part.owns(found.boxes + part.offset)
        sizes.append(found.sizes[is_own])
        scores.append(found.scores[is_own])
    return Objects(*(tf.constant(np.concatenate(one), tf.float64) for one in (sizes, scores)))
