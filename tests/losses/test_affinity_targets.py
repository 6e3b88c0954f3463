"""Affinity targets on small drawn arrays, counted by hand or by a plain loop."""

import numpy as np
import pytest

from affinity_seg import neighbors
from affinity_seg.losses import affinity_targets

DIRECTION = {offset: index for index, offset in enumerate(neighbors.DIRECTIONS)}


def targets_of(rows, distance=1, **arguments):
    instances = np.array(rows, np.int32)[None]
    targets, weights, _ = affinity_targets.pair_targets(instances, distance, **arguments)
    return targets.numpy()[0], weights.numpy()[0]


def test_right_neighbour_of_a_drawn_row():
    # background, instance 7 twice, instance 9, void, instance 9
    targets, weights = targets_of([[0, 7, 7, 9, -1, 9]])
    right = DIRECTION[0, 1]
    np.testing.assert_array_equal(targets[0, :, right], [0, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(weights[0, :, right], [1, 1, 1, 0, 0, 0])


def test_same_instance_across_a_gap_at_distance_2():
    targets, weights = targets_of([[5, 0, 5], [0, 0, 0], [6, 0, 5]], distance=2)
    assert targets[0, 0, DIRECTION[0, 1]]
    assert not targets[0, 0, DIRECTION[1, 0]]
    assert targets[0, 0, DIRECTION[1, 1]]
    assert weights[0, 0].sum() == 3  # right, down and down-right stay in the image
    assert weights[1, 1].sum() == 0  # the middle's neighbours are all outside


def test_two_void_pixels_are_neither_scored_nor_alike():
    targets, weights = targets_of([[-1, -1]])
    assert not targets.any()
    assert not weights.any()


def test_background_pairs_are_weighed_alone():
    _, weights = targets_of([[0, 0, 4, 4]], background_pair_weight=0.25)
    np.testing.assert_array_equal(weights[0, :, DIRECTION[0, 1]], [0.25, 1, 1, 0])


def test_pairs_of_two_instances_are_weighed_alone():
    _, weights = targets_of([[0, 4, 4, 5, -1, 5]], other_instance_pair_weight=3.0)
    np.testing.assert_array_equal(weights[0, :, DIRECTION[0, 1]], [1, 1, 3, 0, 0, 0])


@pytest.mark.parametrize("distance", [1, 2, 4, 64])
@pytest.mark.parametrize("sample_stride", [1, 2, 3])
def test_equals_a_loop_over_pixels(distance, sample_stride):
    rng = np.random.default_rng(distance)
    instances = rng.integers(-1, 3, (9, 13)).astype(np.int32)
    targets, weights = targets_of(instances, distance, sample_stride=sample_stride)
    height, width = instances.shape
    for j, y in enumerate(range(0, height, sample_stride)):
        for i, x in enumerate(range(0, width, sample_stride)):
            for n, (dy, dx) in enumerate(neighbors.DIRECTIONS):
                v, u = y + distance * dy, x + distance * dx
                here = instances[y, x]
                there = instances[v, u] if 0 <= v < height and 0 <= u < width else -1
                assert targets[j, i, n] == (here > 0 and here == there)
                assert weights[j, i, n] == float(here >= 0 and there >= 0)
    assert targets.shape == (-(-height // sample_stride), -(-width // sample_stride), 8)
