"""Counting on any device."""

import tensorflow as tf


def count_cells(cells: tf.Tensor, counted: tf.Tensor, num_cells: int) -> tf.Tensor:
    """Counts how often each cell occurs.

    Unlike `tf.math.bincount` it runs on a GPU as a whole: that one looks for the largest value
    first, which for integers is done on the host, and has no weights there.

    Args:
      cells: float32, any shape, whole numbers in [0, num_cells).
      counted: bool, of the same shape; the others are left out, whatever their cell is.
      num_cells: Number of cells, less than 2**24.

    Returns:
      int32 [num_cells].
    """
    cells = tf.where(counted, cells, float(num_cells))  # A cell of their own, which is dropped.
    counts = tf.raw_ops.DenseBincount(
        input=tf.cast(tf.reshape(cells, [-1]), tf.int32),
        size=num_cells + 1,
        weights=tf.zeros([0], tf.int32),
    )
    return counts[:-1]
