"""Truth as predictions: what the graph merge gives back when it is told everything.

Ground-truth affinities and one-hot semantics go through the op with window 1 on the whole
image. Every instance whose pixels are connected by the graph's own edges must come back
as it is; one in several parts that no edge joins comes back in these parts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from affinity_seg import labels, neighbors, ops
from affinity_seg.merge_options import MergeOptions


class TruthResult(NamedTuple):
    """What became of one instance.

    Attributes:
      number: Its number in the instance map.
      class_index: Its class.
      box: (y0, x0, y1, x1), ends exclusive, pixels.
      size: Pixels.
      pieces: Pixels of each of its pieces, largest first; one piece: it is connected.
      iou: Largest intersection over union with a predicted instance of its class.
    """

    number: int
    class_index: int
    box: tuple[int, int, int, int]
    size: int
    pieces: list[int]
    iou: float


def true_affinities(
    instances: np.ndarray, distances: tuple[int, ...] = neighbors.DISTANCES
) -> np.ndarray:
    """Returns 1 where both pixels of a pair lie in one instance, else 0 (paper 3.3).

    Args:
      instances: int32 [H, W], above 0 in instances.
      distances: Pixels.

    Returns:
      float32 [H, W, 8 * len(distances)].
    """
    affinities = np.zeros((*instances.shape, neighbors.num_channels(distances)), np.float32)
    for channel, (dy, dx) in enumerate(neighbors.offsets(distances)):
        here, there = _pair(instances.shape, dy, dx)
        same = (instances[here] == instances[there]) & (instances[here] > 0)
        affinities[(*here, channel)] = same
    return affinities


def one_hot_semantics(classes: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns float32 [H, W, K] with 1 at each pixel's class; void counts as background."""
    return np.eye(num_classes, dtype=np.float32)[np.where(classes == labels.VOID_CLASS, 0, classes)]


def find_pieces(mask: np.ndarray, distances: tuple[int, ...] = neighbors.DISTANCES) -> np.ndarray:
    """Finds the pieces of an instance that the edges of the graph join.

    Args:
      mask: bool [H, W].
      distances: Pixels.

    Returns:
      int64 [H, W], -1 outside the mask, else the largest raster index of the piece.
    """
    pieces = np.where(mask, np.arange(mask.size).reshape(mask.shape), -1)
    pairs = [_pair(mask.shape, dy, dx) for dy, dx in neighbors.offsets(distances)]
    changed = True
    while changed:  # The largest index spreads along the edges until all have it.
        before = pieces.copy()
        for here, there in pairs:
            reached = np.maximum(pieces[here], pieces[there])
            pieces[here] = np.where(mask[here] & mask[there], reached, pieces[here])
        changed = not np.array_equal(before, pieces)
    return pieces


def check_image(
    classes: np.ndarray, instances: np.ndarray, groups: Sequence[int], min_pixels: int
) -> list[TruthResult]:
    """Merges the truth of one image and compares each instance with what comes back.

    Args:
      classes: int32 [H, W], class index, `labels.VOID_CLASS` where void.
      instances: int32 [H, W], above 0 in instances.
      groups: Super-class of each class.
      min_pixels: Instances with more pixels than this are expected back.

    Returns:
      One result for each instance that has a piece above `min_pixels`.
    """
    merged = ops.graph_merge(
        one_hot_semantics(classes, len(groups)),
        true_affinities(instances),
        MergeOptions(groups=groups, merge_window=1, min_pixels=min_pixels),
    )
    found_ids, found_classes = merged.instance_ids.numpy(), merged.classes.numpy()
    results = []
    for number in np.unique(instances[instances > 0]):
        y, x = np.nonzero(instances == number)
        box = (int(y.min()), int(x.min()), int(y.max()) + 1, int(x.max()) + 1)
        mask = instances[box[0] : box[2], box[1] : box[3]] == number
        pieces = find_pieces(mask)
        sizes = sorted(np.unique(pieces[mask], return_counts=True)[1].tolist(), reverse=True)
        if sizes[0] <= min_pixels:
            continue
        class_index = int(classes[y[0], x[0]])
        inside = found_ids[y, x]
        candidates = [i for i in np.unique(inside) if i and found_classes[i - 1] == class_index]
        ious = [_iou(found_ids == i, inside == i, len(y)) for i in candidates]
        results.append(
            TruthResult(int(number), class_index, box, len(y), sizes, max(ious, default=0.0))
        )
    return results


def _iou(found: np.ndarray, common: np.ndarray, true_size: int) -> float:
    intersection = common.sum()
    return float(intersection / (found.sum() + true_size - intersection))


def _pair(shape: tuple[int, int], dy: int, dx: int):
    """Returns the slices of all pixels with a neighbour at (dy, dx), and of these neighbours."""
    here, there = [], []
    for size, shift in zip(shape, (int(dy), int(dx)), strict=True):
        here.append(slice(max(0, -shift), max(0, size - max(0, shift))))
        there.append(slice(max(0, shift), max(0, size + min(0, shift))))
    return tuple(here), tuple(there)
