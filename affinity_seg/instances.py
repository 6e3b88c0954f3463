"""The instances of one image: the one type for them, from the op to the result files."""

from typing import Any, NamedTuple

import numpy as np


class Instances(NamedTuple):
    """The instances of one image or region, in raster order of their first pixel (paper 3.4).

    Tensors inside a graph, NumPy arrays outside.

    Attributes:
      instance_ids: int32 [H, W], 0 on background, 1..N.
      classes: int32 [N], class index, 1..K-1.
      scores: float32 [N], mean of the edges inside the instance, 0..1.
      sizes: int64 [N], pixels.
      boxes: int32 [N, 4], (y0, x0, y1, x1), ends exclusive, pixels.
      votes: int64 [N, K], pixels that voted for each class, counted at the zoom of the region;
        column 0 is 0. None where nobody counted them.
    """

    instance_ids: Any
    classes: Any
    scores: Any
    sizes: Any
    boxes: Any
    votes: Any = None


def number_instances(
    indices: np.ndarray, classes: np.ndarray, scores: np.ndarray, votes: np.ndarray
) -> Instances:
    """Drops candidates without a pixel and numbers the others in raster order.

    Args:
      indices: int [H, W], -1 on background, else the index of a candidate.
      classes: [M], class index of each candidate.
      scores: [M], score of each candidate.
      votes: [M, K], votes of each candidate.
    """
    found, first, sizes = np.unique(indices, return_index=True, return_counts=True)
    order = np.argsort(first)
    order = order[found[order] >= 0]
    found, sizes = found[order], sizes[order]
    number = np.zeros(len(classes) + 1, np.int32)  # The last entry is for -1.
    number[found] = np.arange(1, len(found) + 1)
    instance_ids = number[indices]
    return Instances(
        instance_ids=instance_ids,
        classes=np.asarray(classes, np.int32)[found],
        scores=np.asarray(scores, np.float32)[found],
        sizes=sizes.astype(np.int64),
        boxes=_boxes(instance_ids, len(found)),
        votes=np.asarray(votes, np.int64)[found],
    )


def select_instances(instances: Instances, kept: np.ndarray) -> Instances:
    """Drops the instances where `kept`, bool [N], is False, and numbers the others anew."""
    indices = instances.instance_ids - 1
    kept = np.append(np.asarray(kept, bool), False)  # The last entry is for -1.
    return number_instances(
        np.where(kept[indices], indices, -1), instances.classes, instances.scores, instances.votes
    )


def overlaps(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns intersection and union of each instance of one map with each of another.

    Args:
      first: int32 [H, W], 0 background, 1..N.
      second: int32 [H, W], 0 background, 1..M.

    Returns:
      Two arrays int64 [N, M], pixels.
    """
    rows, columns = int(first.max(initial=0)) + 1, int(second.max(initial=0)) + 1
    pairs = first.astype(np.int64) * columns + second
    counts = np.bincount(pairs.ravel(), minlength=rows * columns).reshape(rows, columns)
    common = counts[1:, 1:]
    union = counts.sum(axis=1)[1:, None] + counts.sum(axis=0)[None, 1:] - common
    return common, union


def _boxes(instance_ids: np.ndarray, count: int) -> np.ndarray:
    """Returns the box of each of the ids 1..count, all of which have pixels."""
    boxes = np.zeros((count + 1, 4), np.int32)
    boxes[:, :2] = np.iinfo(np.int32).max
    y, x = np.nonzero(instance_ids)
    ids = instance_ids[y, x]
    for column, values in enumerate((y, x)):
        np.minimum.at(boxes[:, column], ids, values)
        np.maximum.at(boxes[:, column + 2], ids, values + 1)
    return boxes[1:]
