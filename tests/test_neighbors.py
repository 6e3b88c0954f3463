"""The order of the affinity channels."""

import numpy as np

from affinity_seg import neighbors


def test_channels_of_the_paper():
    assert neighbors.num_channels() == 56
    offsets = neighbors.offsets()
    assert offsets.shape == (56, 2)
    assert offsets[0].tolist() == [-1, -1]
    assert offsets[8 * 3 + 4].tolist() == [0, 8]
    assert offsets[55].tolist() == [64, 64]


def test_opposite_looks_back():
    offsets = neighbors.offsets((1, 3))
    opposite = neighbors.opposite((1, 3))
    np.testing.assert_array_equal(offsets[opposite], -offsets)


def test_mirrored_swaps_left_and_right():
    offsets = neighbors.offsets()
    np.testing.assert_array_equal(offsets[neighbors.mirrored()], offsets * [1, -1])
    assert neighbors.mirrored()[:8].tolist() == [2, 1, 0, 4, 3, 7, 6, 5]


def test_channels_of_a_distance():
    channels = np.arange(24)[None]
    assert neighbors.channels_of(channels, 2).tolist() == [list(range(16, 24))]
