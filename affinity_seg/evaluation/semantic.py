"""Confusion matrix of the semantic network, for choosing super-classes (paper 4.2)."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from affinity_seg import ious
from affinity_seg.evaluation.truth import Truth
from affinity_seg.labels import VOID_CLASS, ClassTable


def count_pixels(target: Truth, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns the pixels of each true class (row) by predicted class, int64 [K, K].

    Void pixels are left out; group regions have their class.

    Args:
      target: The truth.
      predicted: int [H, W], class index of each pixel, 0..K-1.
      num_classes: K.

    Raises:
      ValueError: Truth and prediction are of different sizes.
    """
    if predicted.shape != target.classes.shape:
        raise ValueError(
            f"`predicted` must be as large as the truth, {target.classes.shape}: {predicted.shape}"
        )
    judged = target.classes != VOID_CLASS
    pairs = target.classes[judged].astype(np.int64) * num_classes + predicted[judged]
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def summary(pixels: np.ndarray, class_table: ClassTable) -> dict[str, Any]:
    """Returns shares, IoU and the most confused pairs of classes, for JSON and `tables`.

    Args:
      pixels: int64 [K, K], see `count_pixels`.
      class_table: The classes.

    Returns:
      `pixels` and, as shares of a true class, `shares`: by true class, each by predicted class;
      `iou` for each class and `mean_iou`, the mean of those that occur in truth or prediction;
      and `pairs` of foreground classes, the most confused first: `classes` and `share`, the mean
      of the two shares of one class predicted as the other. If only one of the two classes has true
      pixels, it is the share of that class. Fractions, None without pixels.
    """
    names = class_table.class_names
    true = pixels.sum(axis=1)
    found, occurs = ious.of_classes(pixels)
    iou = [one if known else None for one, known in zip(found.tolist(), occurs, strict=True)]
    shares = [
        [_share(count, total) for count in row] for row, total in zip(pixels, true, strict=True)
    ]
    pairs = [
        {"classes": [names[i], names[j]], "share": _mean([shares[i][j], shares[j][i]])}
        for i, j in itertools.combinations(range(1, len(names)), 2)
    ]
    return {
        "pixels": _by_class(pixels.tolist(), names),
        "shares": _by_class(shares, names),
        "iou": dict(zip(names, iou, strict=True)),
        "mean_iou": _mean(iou),
        "pairs": sorted(pairs, key=lambda pair: 1 if pair["share"] is None else -pair["share"]),
    }


def _by_class(rows: Sequence[Sequence], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {name: dict(zip(names, row, strict=True)) for name, row in zip(names, rows, strict=True)}


def _share(count: int, total: int) -> float | None:
    return float(count / total) if total else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
