"""Counting of cells."""

import numpy as np
import tensorflow as tf

from affinity_seg.losses import counting


def test_counts_are_exact_beyond_float32():
    cells = tf.zeros([2**24 + 3])
    found = counting.count_cells(cells, tf.fill(cells.shape, True), 2)
    assert found.numpy().tolist() == [2**24 + 3, 0]


def test_cells_that_are_not_counted_may_hold_anything():
    cells = np.array([[0, 1, 2], [2, np.nan, -5]], np.float32)
    counted = [[True, True, True], [True, False, False]]
    found = counting.count_cells(cells, tf.constant(counted), 3)
    assert found.dtype == tf.int32
    assert found.numpy().tolist() == [1, 1, 2]


def test_nothing_counts_to_zero():
    found = counting.count_cells(tf.zeros([0]), tf.zeros([0], tf.bool), 3)
    assert found.numpy().tolist() == [0, 0, 0]
