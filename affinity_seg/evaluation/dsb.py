"""The score of the Data Science Bowl 2018: TP / (TP + FP + FN), regardless of class and score.

Per image and IoU threshold `t`, a true instance is found (TP) if a prediction has IoU > t
with it, strictly, as in the competition; each prediction finds at most one
instance and each instance is found at most once. The score of a split is the mean
over its images; an image without true instances scores 1 if nothing is predicted
and 0 otherwise.

The competition had no void pixels or group regions. Here a prediction without a match is not
counted if more than the share `t` of its pixels is void or in a group region.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from affinity_seg.evaluation import truth
from affinity_seg.evaluation.results import Prediction
from affinity_seg.labels import ClassTable

THRESHOLDS = tuple(range(50, 100, 5))
"""IoU thresholds in percent, so that comparisons are between integers, exact."""


def match(
    target: truth.Truth, predictions: Sequence[Prediction], class_table: ClassTable
) -> np.ndarray:
    """Returns what `scores_of` needs of an image: its score at each of `THRESHOLDS`."""
    del class_table  # Classes are not judged.
    return score_image(target, [prediction.mask for prediction in predictions])


def scores_of(judged: Mapping[str, np.ndarray], class_table: ClassTable) -> dict[str, Any]:
    """Scores images, from what `match` returned of each by name.

    Returns:
      `score_per_iou`, from "0.50" in steps of 0.05 to "0.95", and `mean_score`, their mean.
    """
    del class_table
    scores = np.mean(list(judged.values()), axis=0)
    return {
        "score_per_iou": {
            f"{t / 100:.2f}": float(score) for t, score in zip(THRESHOLDS, scores, strict=True)
        },
        "mean_score": float(np.mean(scores)),
    }


def score_image(target: truth.Truth, masks: Sequence[np.ndarray]) -> np.ndarray:
    """Scores the predictions of one image at each of `THRESHOLDS`.

    The true instances do not overlap, so a prediction has IoU > 0.5 with at most one of
    them, and the number of true instances with such a prediction is that of the best
    one-to-one matching, even if predictions overlap each other.

    Args:
      target: The truth.
      masks: bool [H, W] of each prediction, not empty.

    Returns:
      float64 [len(THRESHOLDS)].
    """
    count = len(target.instance_classes)
    areas = np.bincount(target.instance_ids.reshape(-1), minlength=count + 1)
    found = np.zeros((len(THRESHOLDS), count + 1), bool)
    unmatched = np.zeros(len(THRESHOLDS), np.int64)
    duplicates = np.zeros(len(THRESHOLDS), np.int64)
    for mask in masks:
        overlaps = np.bincount(target.instance_ids[mask], minlength=count + 1)
        size = int(overlaps.sum())
        ignored = int(np.count_nonzero(target.ignored[mask]))
        overlaps[0] = 0
        best = int(np.argmax(overlaps))
        overlap = int(overlaps[best])
        union = size + int(areas[best]) - overlap
        for row, percent in enumerate(THRESHOLDS):
            if best and 100 * overlap > percent * union:
                duplicates[row] += found[row, best]
                found[row, best] = True
            elif 100 * ignored <= percent * size:
                unmatched[row] += 1
    true_positives = found.sum(axis=1)
    total = count + unmatched + duplicates  # TP + FN is the number of true instances
    return np.where(total > 0, true_positives / np.maximum(total, 1), 1.0)
