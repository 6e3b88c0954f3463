"""Average precision of pairs against scikit-learn's."""

import numpy as np
import tensorflow as tf
from sklearn.metrics import average_precision_score

from affinity_seg.dataloaders import affinity_targets
from affinity_seg.losses import affinity_loss
from affinity_seg.tasks import metrics


def test_average_precision_is_that_of_the_scored_pairs():
    rng = np.random.default_rng(0)
    distances = (1, 2)
    metric = metrics.AveragePrecision()
    affinities, truth = [], []
    for _ in range(3):
        instances = rng.integers(-1, 3, (2, 12, 15)).astype(np.int32)
        logits = rng.normal(0, 2, (2, 12, 15, 16)).astype(np.float32)
        for i, distance in enumerate(distances):
            targets, weights = affinity_targets.pair_targets(instances, distance)
            part = logits[..., 8 * i : 8 * i + 8]
            part += 1.5 * targets.numpy()  # Better than chance.
            scored = weights.numpy() > 0
            affinities.append(tf.sigmoid(part).numpy()[scored])
            truth.append(targets.numpy()[scored])
        found = affinity_loss.pair_statistics(
            logits, instances, output_stride=1, distances=distances, background_pair_weight=0.1
        )
        metric.update_state(found.histograms)
    affinities, truth = np.concatenate(affinities), np.concatenate(truth)
    binned = np.floor(affinities * affinity_loss.NUM_BINS)
    expected = average_precision_score(truth, binned)
    assert 0.1 + truth.mean() < expected < 0.95
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-6)
    np.testing.assert_allclose(expected, average_precision_score(truth, affinities), atol=5e-3)


def test_average_precision_of_no_pairs_is_0():
    assert metrics.AveragePrecision().result() == 0


def test_average_precision_forgets():
    metric = metrics.AveragePrecision()
    histograms = np.ones([2, affinity_loss.NUM_BINS], np.float32)
    metric.update_state(histograms)
    assert metric.result() > 0
    metric.reset_states()  # The name Model Garden calls.
    assert metric.result() == 0
    metric.update_state(histograms)
    metric.reset_state()
    assert metric.result() == 0
