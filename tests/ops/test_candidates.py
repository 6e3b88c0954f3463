"""Further classes of an instance by the share of its votes."""

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg import ops

CLASSES = np.int32([1, 3, 2])
SCORES = np.float32([0.9, 0.5, 0.25])
VOTES = np.int64([[0, 100, 19, 20], [0, 50, 50, 50], [0, 0, 0, 0]])


def test_off_lists_each_instance_once():
    found = ops.class_candidates(CLASSES, SCORES, VOTES, None)
    assert found.mask_ids.numpy().tolist() == [1, 2, 3]
    np.testing.assert_array_equal(found.classes, CLASSES)
    np.testing.assert_array_equal(found.scores, SCORES)


@pytest.mark.parametrize("in_graph", [False, True])
def test_shares_of_the_winners_votes(in_graph):
    list_candidates = tf.function(ops.class_candidates) if in_graph else ops.class_candidates
    found = list_candidates(CLASSES, SCORES, VOTES, 0.2)
    # The first: 20 of 100 votes are enough, 19 are not. The second: its class first, although
    # others have as many votes. The third: nobody voted.
    assert found.mask_ids.numpy().tolist() == [1, 1, 2, 2, 2, 3]
    assert found.classes.numpy().tolist() == [1, 3, 3, 1, 2, 2]
    np.testing.assert_allclose(found.scores, [0.9, 0.18, 0.5, 0.5, 0.5, 0.25], rtol=1e-6)
    assert (found.mask_ids.dtype, found.classes.dtype) == (tf.int32, tf.int32)
    assert found.scores.dtype == tf.float32


def test_no_instances():
    found = ops.class_candidates(CLASSES[:0], SCORES[:0], VOTES[:0], 0.2)
    assert [values.shape for values in found] == [(0,), (0,), (0,)]


@pytest.mark.parametrize("ratio", [0, -0.1, 1.5, float("nan")])
def test_bad_ratios_are_refused(ratio):
    with pytest.raises(ValueError, match=r"`vote_min_ratio` must be None or in \(0, 1\]: "):
        ops.class_candidates(CLASSES, SCORES, VOTES, ratio)
