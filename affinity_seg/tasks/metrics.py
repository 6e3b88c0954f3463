"""Sums over a validation, and the scores that are computed from them."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tf_keras


class Sums(tf_keras.metrics.Metric):
    """Adds up arrays over the batches and replicas of a validation.

    In float64, in which counts are exact up to 2**53; in float32 they stop at 2**24.
    """

    def __init__(self, name: str, shape: Sequence[int]):
        super().__init__(name, dtype=tf.float64)
        self._sums = self.add_weight("sums", shape, initializer="zeros", dtype=tf.float64)

    def reset_state(self) -> None:
        """Sets the sums to zero; Keras' own method would assign a scalar."""
        self._sums.assign(tf.zeros_like(self._sums))

    def update_state(self, values: tf.Tensor) -> None:
        """Adds numbers of the shape of the sums."""
        self._sums.assign_add(tf.cast(values, tf.float64))

    def result(self) -> tf.Tensor:
        """Returns the sums, float64."""
        return tf.convert_to_tensor(self._sums)


def ratio(part: float, whole: float) -> float:
    """Returns part / whole, 0 if `whole` is 0."""
    return float(part / whole) if whole else 0.0


def average_precision(histograms: np.ndarray) -> float:
    """Returns the average precision of "same instance"; pairs of the same bin count as tied.

    Args:
      histograms: [2, bins], pairs whose target is false, and true, by affinity.
    """
    false, true = np.cumsum(histograms[:, ::-1], axis=1, dtype=np.float64)
    found = np.maximum(false + true, 1)
    gained = np.diff(true, prepend=0)
    return ratio((gained * true / found).sum(), true[-1])


def rates(histograms: np.ndarray) -> dict[str, float]:
    """Returns accuracy, precision and recall of "same instance" at affinity 0.5.

    Args:
      histograms: As in `average_precision`; their number of bins is even.
    """
    (true_negative, false_positive), (false_negative, true_positive) = (
        (row[: row.size // 2].sum(), row[row.size // 2 :].sum()) for row in histograms
    )
    return {
        "accuracy": ratio(true_positive + true_negative, histograms.sum()),
        "precision": ratio(true_positive, true_positive + false_positive),
        "recall": ratio(true_positive, true_positive + false_negative),
    }
