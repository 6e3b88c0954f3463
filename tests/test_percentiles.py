"""Percentiles of counted values."""

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg import percentiles


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_they_are_those_of_the_values(count):
    values = np.random.default_rng(count).integers(0, 20, (3, count))
    histograms = np.stack([np.bincount(row, minlength=20) for row in values])
    wanted = (0.0, 0.1, 25.0, 50.0, 99.8, 100.0)
    found = percentiles.of_histogram(tf.constant(histograms), wanted)
    expected = np.percentile(values, wanted, axis=1, method="inverted_cdf").T
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(
        percentiles.of_histogram(tf.constant(histograms[0]), wanted), expected[0]
    )


def test_ranks_count_from_one():
    assert percentiles.ranks(tf.constant([200]), (0.0, 1.0, 100.0)).numpy().tolist() == [1, 2, 200]
