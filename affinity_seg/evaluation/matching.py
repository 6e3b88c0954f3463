"""Matches predictions with true instances by IoU, regardless of class."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from affinity_seg.evaluation.results import Prediction
from affinity_seg.evaluation.truth import Truth
from affinity_seg.labels import VOID_CLASS


class Matching(NamedTuple):
    """The matching of P predictions and N true instances of one image.

    A true instance with fewer than `min_pixels` pixels is not counted. As in the metrics at IoU
    0.5, a prediction is not counted if more than half of it lies on void pixels, or on group
    regions and uncounted true instances of its own class.

    Attributes:
      intersections: int64 [P, N], pixels.
      iou: float64 [P, N].
      true_pixels: int64 [N].
      predicted_pixels: int64 [P].
      true_counts: bool [N], whether the true instance is counted.
      predicted_counts: bool [P], whether the prediction is counted.
      match_of_true: int64 [N], index of the matched prediction, -1 without.
      match_of_predicted: int64 [P], index of the matched true instance, -1 without.
    """

    intersections: np.ndarray
    iou: np.ndarray
    true_pixels: np.ndarray
    predicted_pixels: np.ndarray
    true_counts: np.ndarray
    predicted_counts: np.ndarray
    match_of_true: np.ndarray
    match_of_predicted: np.ndarray


def match(target: Truth, predictions: Sequence[Prediction], min_pixels: int = 1) -> Matching:
    """Matches one-to-one at IoU >= 0.5.

    Of the pairs with such an IoU, those of one class come first, then the higher IoU, then the
    higher score; each instance is in one pair at most.

    Args:
      target: The truth.
      predictions: The predictions, which may overlap; no mask is empty.
      min_pixels: True instances below this size are not counted.
    """
    count = len(target.instance_classes)
    true_pixels = target.instance_sizes()
    true_counts = true_pixels >= min_pixels
    left_out = target.ignored | np.concatenate([[False], ~true_counts])[target.instance_ids]
    intersections = np.zeros((len(predictions), count), np.int64)
    predicted_pixels = np.zeros(len(predictions), np.int64)
    predicted_counts = np.zeros(len(predictions), bool)
    for index, prediction in enumerate(predictions):
        overlaps = np.bincount(target.instance_ids[prediction.mask], minlength=count + 1)
        intersections[index] = overlaps[1:]
        predicted_pixels[index] = overlaps.sum()
        classes = target.classes[prediction.mask]
        ignored = left_out[prediction.mask] & (
            (classes == VOID_CLASS) | (classes == prediction.class_index)
        )
        predicted_counts[index] = 2 * np.count_nonzero(ignored) <= overlaps.sum()
    unions = predicted_pixels[:, None] + true_pixels - intersections
    iou = intersections / unions
    candidates = (2 * intersections >= unions) & predicted_counts[:, None] & true_counts
    match_of_true = np.full(count, -1)
    match_of_predicted = np.full(len(predictions), -1)

    def rank(pair: tuple[int, int]) -> tuple:
        predicted, true = pair
        other_class = predictions[predicted].class_index != target.instance_classes[true]
        return other_class, -iou[predicted, true], -predictions[predicted].score, predicted, true

    for predicted, true in sorted(np.argwhere(candidates).tolist(), key=rank):
        if match_of_predicted[predicted] < 0 and match_of_true[true] < 0:
            match_of_predicted[predicted], match_of_true[true] = true, predicted
    return Matching(
        intersections=intersections,
        iou=iou,
        true_pixels=true_pixels,
        predicted_pixels=predicted_pixels,
        true_counts=true_counts,
        predicted_counts=predicted_counts,
        match_of_true=match_of_true,
        match_of_predicted=match_of_predicted,
    )
