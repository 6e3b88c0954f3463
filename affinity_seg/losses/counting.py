"""Counts values on any device."""

import tensorflow as tf


def count_cells(cells: tf.Tensor, counted: tf.Tensor, num_cells: int) -> tf.Tensor:
    """Counts how often each cell occurs.

    Unlike `tf.math.bincount` it runs completely on a GPU. `tf.math.bincount` first computes the
    largest value, which for integers runs on the host, and takes no weights there.

    Args:
      cells: float32, any shape, whole numbers in [0, num_cells).
      counted: bool, of the same shape; the others are left out, whatever their cell is.
      num_cells: Number of cells, less than 2**24.

    Returns:
      int32 [num_cells].
    """
    cells = tf.where(counted, cells, float(num_cells))  # An extra cell, which is dropped.
    counts = tf.raw_ops.DenseBincount(
        input=tf.cast(tf.reshape(cells, [-1]), tf.int32),
        size=num_cells + 1,
        weights=tf.zeros([0], tf.int32),
    )
    return counts[:-1]
