"""Loss and statistics of the affinity network (paper 3.3, algorithm.md 2)."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from affinity_seg import neighbors
from affinity_seg.losses import affinity_targets, counting, hard_examples, replicas
from affinity_seg.modeling import upsampling

NUM_BINS = 1000
"""Equal bins of affinity that a validation counts pairs in; even, so that 0.5 is a bin's start."""


def affinity_loss(
    logits: tf.Tensor,
    instances: tf.Tensor,
    *,
    output_stride: int,
    distances: Sequence[int] = neighbors.DISTANCES,
    sample_stride: int = 1,
    hard_pair_share: float = 1.0,
    normalizer: tf.Tensor | None = None,
    **pair_weights: Any,
) -> tf.Tensor:
    """Weighted mean of the sigmoid cross-entropy over the scored pairs of the global batch.

    Works on one distance after the other and computes its gradient with it, so that at full
    resolution there are never more than the eight channels of one distance.

    Args:
      logits: float [B, ceil(H/s), ceil(W/s), 8 * len(distances)], s = `output_stride`.
      instances: float32 [B, H, W], see `affinity_targets.pair_targets`.
      output_stride: Input pixels per logit.
      distances: Distances of the channels, pixels.
      sample_stride: Pairs start at every `sample_stride`-th pixel of each axis; 1 is the
        paper's loss. Must divide `output_stride`.
      hard_pair_share: Share of the scored pairs of a distance, those of the largest loss, that
        count; the divisor is this share of all weights.
      normalizer: Sum of the weights, see `weight_sum`, if these logits are a part of a batch; None
        for that of `instances`, averaged over the replicas.
      **pair_weights: As in `affinity_targets.pair_targets`.

    Returns:
      float32 scalar; 0 if no pair is scored. Under a strategy the replicas' mean is the loss.
    """

    @tf.custom_gradient
    def mean_loss(logits):
        def of_distance(index: int, distance: int) -> tuple[tf.Tensor, ...]:
            targets, weights, _ = affinity_targets.pair_targets(
                instances, distance, sample_stride, **pair_weights
            )
            channels = neighbors.channels_of(logits, index)
            with tf.GradientTape() as tape:
                tape.watch(channels)
                upsampled = _sampled(channels, output_stride, sample_stride, instances)
            # The cross-entropy is softplus(-x) where the target is 1 and softplus(x) where it is
            # 0. Its slope is sigmoid(x) - target: the sigmoid of the same argument, with its sign.
            signs = tf.where(targets, -1.0, 1.0)
            wrong = signs * upsampled
            losses = tf.nn.softplus(wrong)
            total = tf.reduce_sum(weights)
            if hard_pair_share < 1:
                weights *= hard_examples.hardest(losses, weights > 0, hard_pair_share)
            slopes = signs * weights * tf.sigmoid(wrong)
            gradient = tape.gradient(upsampled, channels, output_gradients=slopes)
            return tf.reduce_sum(losses * weights), total, gradient

        losses, weights, gradients = zip(*_in_turn(distances, of_distance), strict=True)
        divisor = tf.add_n(weights)
        divisor = replicas.mean_over_replicas(divisor) if normalizer is None else normalizer
        divisor *= hard_pair_share
        gradient = tf.concat(gradients, axis=-1)
        return tf.math.divide_no_nan(
            tf.add_n(losses), divisor
        ), lambda upstream: tf.math.divide_no_nan(upstream, divisor) * gradient

    return mean_loss(tf.cast(logits, tf.float32))


def weight_sum(
    instances: tf.Tensor,
    *,
    distances: Sequence[int] = neighbors.DISTANCES,
    sample_stride: int = 1,
    **pair_weights: Any,
) -> tf.Tensor:
    """Adds up the weights of all scored pairs.

    Args: As in `affinity_loss`.

    Returns:
      float32 scalar.
    """

    def of_distance(_, distance: int) -> tuple[tf.Tensor]:
        pairs = affinity_targets.pair_targets(instances, distance, sample_stride, **pair_weights)
        return (tf.reduce_sum(pairs.weights),)

    return tf.add_n([total for (total,) in _in_turn(distances, of_distance)])


class PairStatistics(NamedTuple):
    """What a validation collects.

    Attributes:
      histograms: int32 [len(distances), 2, NUM_BINS], scored pairs of each distance whose target
        is false, and true, by affinity, all pairs alike.
      loss_sums: float32 [len(distances)], weighted cross-entropy of each distance.
      weight_sums: float32 [len(distances)], weights of its pairs.
    """

    histograms: tf.Tensor
    loss_sums: tf.Tensor
    weight_sums: tf.Tensor


def pair_statistics(
    logits: tf.Tensor,
    instances: tf.Tensor,
    *,
    output_stride: int,
    distances: Sequence[int] = neighbors.DISTANCES,
    sample_stride: int = 1,
    **pair_weights: Any,
) -> PairStatistics:
    """Counts scored pairs by target and affinity, and adds up their losses.

    Works on one distance after the other.

    Args: As in `affinity_loss`.
    """

    def of_distance(index: int, distance: int) -> tuple[tf.Tensor, ...]:
        targets, weights, scored = affinity_targets.pair_targets(
            instances, distance, sample_stride, **pair_weights
        )
        upsampled = _sampled(
            neighbors.channels_of(tf.cast(logits, tf.float32), index),
            output_stride,
            sample_stride,
            instances,
        )
        losses = tf.nn.softplus(tf.where(targets, -upsampled, upsampled))
        bins = tf.minimum(tf.floor(tf.sigmoid(upsampled) * NUM_BINS), NUM_BINS - 1)
        bins += NUM_BINS * tf.cast(targets, tf.float32)
        counts = counting.count_cells(bins, scored, 2 * NUM_BINS)
        histogram = tf.reshape(counts, [2, NUM_BINS])
        return histogram, tf.reduce_sum(losses * weights), tf.reduce_sum(weights)

    columns = zip(*_in_turn(distances, of_distance), strict=True)
    return PairStatistics(*map(tf.stack, columns))


def _in_turn(
    distances: Sequence[int], of_distance: Callable[[int, int], tuple[tf.Tensor, ...]]
) -> list[tuple[tf.Tensor, ...]]:
    """Returns what a function of index and distance gives, one distance after the other.

    A graph runs its operations in any order, also all distances at once, whose memory would add up.
    So each distance waits for all that the one before it gives.
    """
    results = []
    for index, distance in enumerate(distances):
        with tf.control_dependencies(results[-1] if results else []):
            results.append(of_distance(index, distance))
    return results


def _sampled(
    logits: tf.Tensor, output_stride: int, sample_stride: int, instances: tf.Tensor
) -> tf.Tensor:
    """Upsampled logits at every `sample_stride`-th pixel, computed without the others.

    Pixel `sample_stride * j` of the upsampled map reads source `j / (output_stride /
    sample_stride)`, so upsampling by the smaller factor gives exactly these values.
    """
    height, width = (-(-length // sample_stride) for length in upsampling.size_of(instances))
    return upsampling.upsample_logits(logits, output_stride // sample_stride, height, width)
