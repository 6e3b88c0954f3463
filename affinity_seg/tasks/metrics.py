"""Metrics of a validation that Keras does not have."""

import tensorflow as tf
import tf_keras

from affinity_seg.losses.affinity_loss import NUM_BINS


class AveragePrecision(tf_keras.metrics.Metric):
    """Average precision of "same instance" over all scored pairs.

    Pairs of the same bin of affinity count as tied.
    """

    def __init__(self, name: str = "average_precision"):
        super().__init__(name)
        self._counts = self.add_weight("counts", [2, NUM_BINS], initializer="zeros")

    def reset_state(self) -> None:
        """Forgets all pairs; Keras' own would assign a scalar."""
        self._counts.assign(tf.zeros_like(self._counts))

    def update_state(self, histograms: tf.Tensor) -> None:
        """Adds pairs, float32 [2, NUM_BINS], as of `affinity_loss.PairStatistics`."""
        self._counts.assign_add(histograms)

    def result(self) -> tf.Tensor:
        """Returns the mean of the precision over the pairs whose target is true, float32."""
        surest_first = tf.cast(self._counts, tf.float64)[:, ::-1]
        false, true = tf.unstack(tf.cumsum(surest_first, axis=1))
        precision = tf.math.divide_no_nan(true, true + false)
        total = tf.reduce_sum(surest_first[1] * precision)
        return tf.cast(tf.math.divide_no_nan(total, true[-1]), tf.float32)
