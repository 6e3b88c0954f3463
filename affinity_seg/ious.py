"""Intersection over union of classes, from a confusion matrix."""

import numpy as np


def of_classes(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the IoU of each class.

    Args:
      confusion: [K, K], pixels by true and predicted class.

    Returns:
      The IoUs, float64 [K], 0 for a class without pixels; and whether the class has pixels in truth
      or prediction, bool [K].
    """
    hits = np.diag(confusion)
    unions = confusion.sum(axis=0) + confusion.sum(axis=1) - hits
    return hits / np.maximum(unions, 1), unions > 0
