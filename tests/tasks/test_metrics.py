"""Scores of a validation: average precision against scikit-learn's, rates, IoU, sums."""

import numpy as np
import tensorflow as tf
from sklearn.metrics import average_precision_score

from affinity_seg.losses import affinity_loss, affinity_targets
from affinity_seg.tasks import metrics


def test_average_precision_is_that_of_the_scored_pairs():
    rng = np.random.default_rng(0)
    distances = (1, 2)
    histograms = 0
    affinities, truth = [], []
    for _ in range(3):
        instances = rng.integers(-1, 3, (2, 12, 15)).astype(np.int32)
        logits = rng.normal(0, 2, (2, 12, 15, 16)).astype(np.float32)
        for i, distance in enumerate(distances):
            targets, weights, _ = affinity_targets.pair_targets(instances, distance)
            part = logits[..., 8 * i : 8 * i + 8]
            part += 1.5 * targets.numpy()  # Better than chance.
            scored = weights.numpy() > 0
            affinities.append(tf.sigmoid(part).numpy()[scored])
            truth.append(targets.numpy()[scored])
        found = affinity_loss.pair_statistics(
            logits, instances, output_stride=1, distances=distances, background_pair_weight=0.1
        )
        histograms += found.histograms.numpy().sum(axis=0)
    affinities, truth = np.concatenate(affinities), np.concatenate(truth)
    binned = np.floor(affinities * affinity_loss.NUM_BINS)
    expected = average_precision_score(truth, binned)
    assert 0.1 + truth.mean() < expected < 0.95
    np.testing.assert_allclose(metrics.average_precision(histograms), expected, rtol=1e-6)
    np.testing.assert_allclose(expected, average_precision_score(truth, affinities), atol=5e-3)


def test_scores_of_no_pairs_are_0():
    histograms = np.zeros([2, affinity_loss.NUM_BINS])
    assert metrics.average_precision(histograms) == 0
    assert set(metrics.rates(histograms).values()) == {0.0}


def test_rates_are_those_at_half():
    histograms = np.array([[5, 1, 2, 0], [1, 0, 3, 4]])
    assert metrics.rates(histograms) == {
        "accuracy": 13 / 16,
        "precision": 7 / 9,
        "recall": 7 / 8,
    }


def test_sums_hold_counts_beyond_float32():
    sums = metrics.Sums("pairs", [2])
    for values in ([2**24, 0], [1, 0], [1, 7]):
        sums.update_state(tf.constant(values, tf.int32))
    assert sums.result().numpy().tolist() == [2**24 + 2, 7]


def test_sums_start_again():
    sums = metrics.Sums("pairs", [2, 3])
    sums.update_state(np.ones([2, 3], np.float32))
    sums.reset_states()  # The name Model Garden calls.
    assert not sums.result().numpy().any()
    sums.update_state(np.ones([2, 3], np.float32))
    assert sums.result().numpy().sum() == 6
