"""Perfect predictions through the whole chain: what regions, zoom, windows and pasting lose."""

import dataclasses
from typing import NamedTuple

import numpy as np

from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.evaluation.truth import Truth
from affinity_seg.instances import Instances, overlaps
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline.segmenter import Segmenter
from checks.true_networks import TrueNetwork, coordinates

FOUND_IOU = 0.5
"""An instance is found if a predicted one of its class overlaps it with more than this IoU."""

TOO_SMALL = "too small: at most `min_pixels` at the zoomed resolution"
PARTS = "parts that no edge joins"
WINDOW = "merge window"
PASTING = "zoom and pasting"
CAUSES = (TOO_SMALL, PARTS, WINDOW, PASTING)


class Loss(NamedTuple):
    """An instance that is not found.

    Attributes:
      number: Its number in the truth.
      class_index: Its class.
      size: Pixels.
      iou: Largest IoU with a predicted instance of its class.
      cause: One of `CAUSES`.
    """

    number: int
    class_index: int
    size: int
    iou: float
    cause: str


def segment_truth(truth: Truth, config: InferenceConfig, class_table: ClassTable) -> Instances:
    """Returns what the chain makes of an image whose networks know the truth.

    The networks answer for every pixel; other strides of `config` are not used.
    """
    config = dataclasses.replace(config, semantic_stride=None, affinity_stride=None)
    networks = (
        TrueNetwork(kind, truth.classes, truth.instance_ids, class_table)
        for kind in ("semantic", "affinity")
    )
    return Segmenter(*networks, config).segment(coordinates(*truth.classes.shape)).as_numpy()


def find_losses(
    truth: Truth,
    found: Instances,
    config: InferenceConfig,
    class_table: ClassTable,
    min_size: int,
) -> list[Loss]:
    """Lists the instances that were not found, each with the cause.

    The chain is run again without its limits, one after the other: if an instance comes back with
    `min_pixels` 0 it was too small; if pieces come back that make it up together, no edge
    joins them; if it comes back with windows of one pixel it was the window; else what zooming and
    pasting leave of it.

    Args:
      truth: The truth of the image.
      found: What `segment_truth` made of it with `config`.
      config: The configuration.
      class_table: The classes.
      min_size: True instances below this are not listed, pixels; the metric has such a limit.
    """
    ious = best_ious(truth, found)
    sizes = truth.instance_sizes()
    lost = [i for i in range(len(ious)) if ious[i] <= FOUND_IOU and sizes[i] >= min_size]
    if not lost:
        return []
    unlimited = dataclasses.replace(config, min_pixels=0)
    any_size = segment_truth(truth, unlimited, class_table)
    per_pixel = segment_truth(truth, dataclasses.replace(unlimited, merge_window=1), class_table)
    recovered = (
        (TOO_SMALL, best_ious(truth, any_size)),
        (PARTS, _joined_ious(truth, any_size)),
        (WINDOW, best_ious(truth, per_pixel)),
        (PARTS, _joined_ious(truth, per_pixel)),
        (PASTING, np.ones(len(ious))),
    )
    return [
        Loss(
            number=i + 1,
            class_index=int(truth.instance_classes[i]),
            size=int(sizes[i]),
            iou=float(ious[i]),
            cause=next(cause for cause, again in recovered if again[i] > FOUND_IOU),
        )
        for i in lost
    ]


def best_ious(truth: Truth, found: Instances) -> np.ndarray:
    """Returns the largest IoU of each true instance with a found one of its class, [N]."""
    return _ious(truth, found).max(axis=1, initial=0)


def count_pieces(truth: Truth, found: Instances) -> int:
    """Returns how many found instances are not more than half of any true one of their class."""
    return int((_ious(truth, found).max(axis=0, initial=0) <= FOUND_IOU).sum())


def _ious(truth: Truth, found: Instances) -> np.ndarray:
    """Returns the IoU of each true instance with each found one, 0 for another class, [N, M]."""
    common, union = overlaps(truth.instance_ids, found.instance_ids)
    return np.where(truth.instance_classes[:, None] == found.classes[None, :], common / union, 0)


def _joined_ious(truth: Truth, found: Instances) -> np.ndarray:
    """Returns the IoU of each true instance with all found ones that lie mainly in it, [N]."""
    common, _ = overlaps(truth.instance_ids, found.instance_ids)
    inside = common > 0.5 * found.sizes[None, :]
    joined = np.where(inside, common, 0).sum(axis=1)
    joined_sizes = np.where(inside, found.sizes[None, :], 0).sum(axis=1)
    return joined / (truth.instance_sizes() + joined_sizes - joined)
