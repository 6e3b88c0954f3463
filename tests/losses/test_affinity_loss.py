"""Affinity loss, its gradient and its counts against NumPy and plain differentiation."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg.losses import affinity_loss, affinity_targets
from affinity_seg.modeling import upsampling

DISTANCES = (1, 2, 8)


def sample(height=19, width=22, stride=4, seed=0):
    rng = np.random.default_rng(seed)
    instances = rng.integers(-1, 3, (2, height, width)).astype(np.int32)
    shape = (2, -(-height // stride), -(-width // stride), 8 * len(DISTANCES))
    return rng.normal(0, 2, shape).astype(np.float32), instances


def numpy_loss(logits, instances, stride, step, *pair_weights):
    height, width = instances.shape[1:]
    upsampled = upsampling.upsample_logits(logits, stride, height, width).numpy().astype(np.float64)
    upsampled = upsampled[:, ::step, ::step]
    total = weight = 0.0
    for i, distance in enumerate(DISTANCES):
        targets, weights, _ = affinity_targets.pair_targets(
            instances, distance, step, *pair_weights
        )
        x, z = upsampled[..., 8 * i : 8 * i + 8], targets.numpy().astype(np.float64)
        losses = np.maximum(x, 0) - x * z + np.log1p(np.exp(-np.abs(x)))
        total += (losses * weights.numpy()).sum()
        weight += weights.numpy().sum()
    return total / weight


@pytest.mark.parametrize("step", [1, 2, 4])
@pytest.mark.parametrize("background_pair_weight", [1.0, 0.1])
@pytest.mark.parametrize("other_instance_pair_weight", [1.0, 3.0])
def test_value_is_the_mean_over_scored_pairs(
    step, background_pair_weight, other_instance_pair_weight
):
    logits, instances = sample()
    loss = affinity_loss.affinity_loss(
        logits,
        instances,
        output_stride=4,
        distances=DISTANCES,
        sample_stride=step,
        background_pair_weight=background_pair_weight,
        other_instance_pair_weight=other_instance_pair_weight,
    )
    weights = background_pair_weight, other_instance_pair_weight
    expected = numpy_loss(logits, instances, 4, step, *weights)
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-5)


def test_gradient_equals_finite_differences():
    logits, instances = sample(height=9, width=10)
    rng = np.random.default_rng(1)
    direction = rng.normal(size=logits.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        x = tf.constant(logits)
        tape.watch(x)
        loss = 3.0 * affinity_loss.affinity_loss(x, instances, output_stride=4, distances=DISTANCES)
    slope = float(tf.reduce_sum(tape.gradient(loss, x) * direction))
    step = 1e-3
    ends = [numpy_loss(logits + sign * step * direction, instances, 4, 1, 1.0) for sign in (1, -1)]
    np.testing.assert_allclose(slope, 3 * (ends[0] - ends[1]) / (2 * step), rtol=2e-3)


def test_all_void_gives_zero_loss_and_gradient():
    logits, instances = sample()
    with tf.GradientTape() as tape:
        x = tf.constant(logits)
        tape.watch(x)
        loss = affinity_loss.affinity_loss(
            x, np.full_like(instances, -1), output_stride=4, distances=DISTANCES
        )
    assert loss.numpy() == 0
    assert not tape.gradient(loss, x).numpy().any()


def test_counts_cover_every_scored_pair_once():
    logits, instances = sample()
    histograms = affinity_loss.pair_statistics(
        logits, instances, output_stride=4, distances=DISTANCES, background_pair_weight=0.0
    ).histograms.numpy()
    assert histograms.dtype == np.int32
    halves = histograms.reshape(len(DISTANCES), 2, 2, -1).sum(axis=-1)  # target, prediction
    upsampled = upsampling.upsample_logits(logits, 4, 19, 22).numpy()
    for i, distance in enumerate(DISTANCES):
        targets, weights, _ = affinity_targets.pair_targets(instances, distance)
        scored = weights.numpy() > 0
        predicted, truth = upsampled[..., 8 * i : 8 * i + 8] > 0, targets.numpy()
        expected = [
            (scored & (truth == t) & (predicted == p)).sum()
            for t, p in ((0, 0), (0, 1), (1, 0), (1, 1))
        ]
        np.testing.assert_array_equal(halves[i].ravel(), expected)


@pytest.mark.parametrize("step", [1, 2])
def test_losses_of_the_distances_add_up_to_the_loss(step):
    logits, instances = sample()
    arguments = {
        "output_stride": 4,
        "sample_stride": step,
        "background_pair_weight": 0.3,
        "other_instance_pair_weight": 2.0,
    }
    found = affinity_loss.pair_statistics(logits, instances, distances=DISTANCES, **arguments)
    loss = affinity_loss.affinity_loss(logits, instances, distances=DISTANCES, **arguments)
    mean = found.loss_sums.numpy().sum() / found.weight_sums.numpy().sum()
    np.testing.assert_allclose(mean, loss.numpy(), rtol=1e-5)
    for i, distance in enumerate(DISTANCES):
        channels = logits[..., 8 * i : 8 * i + 8]
        alone = affinity_loss.affinity_loss(
            channels, instances, distances=(distance,), **arguments
        ).numpy()
        own = found.loss_sums[i].numpy() / found.weight_sums[i].numpy()
        np.testing.assert_allclose(own, alone, rtol=1e-5)


def test_only_the_hardest_pairs_of_each_distance_count():
    logits, instances = sample(stride=1)
    share, weight = 0.25, 0.5
    with tf.GradientTape() as tape:
        x = tf.constant(logits)
        tape.watch(x)
        loss = affinity_loss.affinity_loss(
            x,
            instances,
            output_stride=1,
            distances=DISTANCES,
            hard_pair_share=share,
            background_pair_weight=weight,
        )
    total = weights_sum = 0.0
    hard_channels = np.zeros(logits.shape, bool)
    for i, distance in enumerate(DISTANCES):
        targets, weights, _ = affinity_targets.pair_targets(
            instances, distance, background_pair_weight=weight
        )
        z, w = targets.numpy().astype(np.float64), weights.numpy()
        part = logits[..., 8 * i : 8 * i + 8].astype(np.float64)
        losses = np.logaddexp(0, part) - part * z
        count = int(np.ceil(share * (w > 0).sum()))
        least = np.sort(losses[w > 0])[-count]
        hard = (w > 0) & (losses >= least)
        assert hard.sum() == count
        hard_channels[..., 8 * i : 8 * i + 8] = hard
        total += (losses * w)[hard].sum()
        weights_sum += w.sum()
    np.testing.assert_allclose(loss.numpy(), total / (share * weights_sum), rtol=1e-5)
    np.testing.assert_array_equal(tape.gradient(loss, x).numpy() != 0, hard_channels)


def test_hardest_of_none_are_none():
    logits, instances = sample()
    void = np.full_like(instances, -1)
    loss = affinity_loss.affinity_loss(
        logits, void, output_stride=4, distances=DISTANCES, hard_pair_share=0.5
    )
    assert loss.numpy() == 0


def test_losses_of_parts_add_up_to_the_loss():
    logits, instances = sample()
    arguments = {"distances": DISTANCES, "background_pair_weight": 0.3, "sample_stride": 2}
    whole = affinity_loss.affinity_loss(logits, instances, output_stride=4, **arguments)
    normalizer = affinity_loss.weight_sum(instances, **arguments)
    parts = [
        affinity_loss.affinity_loss(
            logits[i : i + 1],
            instances[i : i + 1],
            output_stride=4,
            normalizer=normalizer,
            **arguments,
        )
        for i in range(2)
    ]
    np.testing.assert_allclose(sum(parts).numpy(), whole.numpy(), rtol=1e-6)


def test_a_distance_waits_for_the_one_before():
    logits, instances = sample()

    @tf.function
    def loss_of(logits):
        return affinity_loss.affinity_loss(logits, instances, output_stride=4, distances=DISTANCES)

    graph = loss_of.get_concrete_function(tf.constant(logits)).graph
    found = [op for op in graph.get_operations() if op.type == "Softplus"]
    assert len(found) == len(DISTANCES)
    for before, after in itertools.pairwise(found):
        waits_for, to_see = set(), [after]
        while to_see:
            op = to_see.pop()
            for other in (*(tensor.op for tensor in op.inputs), *op.control_inputs):
                if other not in waits_for:
                    waits_for.add(other)
                    to_see.append(other)
        assert before in waits_for
