"""Percentiles of counted values; works eagerly and in graphs."""

from collections.abc import Sequence

import tensorflow as tf


def of_histogram(histogram: tf.Tensor, percentiles: Sequence[float]) -> tf.Tensor:
    """Returns the values at percentiles: each is a value that occurs, none lies between two.

    Args:
      histogram: Integers [..., N], how many values there are of each of 0..N-1; not all are 0.
      percentiles: P numbers, 0..100.

    Returns:
      int32 [..., P].
    """
    below = tf.cumsum(tf.cast(histogram, tf.int64), axis=-1)
    return tf.searchsorted(below, ranks(below[..., -1:], percentiles))


def ranks(counts: tf.Tensor, percentiles: Sequence[float]) -> tf.Tensor:
    """Returns the ranks of percentiles among sorted values; the lowest value has rank 1.

    Args:
      counts: Integers [..., 1], how many values there are.
      percentiles: P numbers, 0..100.

    Returns:
      int64 [..., P].
    """
    shares = tf.constant(list(percentiles), tf.float64) / 100
    return tf.maximum(tf.cast(tf.math.ceil(shares * tf.cast(counts, tf.float64)), tf.int64), 1)
