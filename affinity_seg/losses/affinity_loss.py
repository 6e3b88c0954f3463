"""Loss and statistics of the affinity network (paper 3.3, algorithm.md 2)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from affinity_seg import neighbors
from affinity_seg.dataloaders import affinity_targets
from affinity_seg.losses import replicas
from affinity_seg.modeling import upsampling


def affinity_loss(
    logits: tf.Tensor,
    instances: tf.Tensor,
    *,
    output_stride: int,
    distances: Sequence[int] = neighbors.DISTANCES,
    sample_stride: int = 1,
    hard_pairs: float = 1.0,
    normalizer: tf.Tensor | None = None,
    **pair_weights: Any,
) -> tf.Tensor:
    """Weighted mean of the sigmoid cross-entropy over the scored pairs of the global batch.

    Works on one distance at a time and computes its gradient with it, so that neither
    targets nor upsampled logits of all channels are held at full resolution at once.

    Args:
      logits: float [B, ceil(H/s), ceil(W/s), 8 * len(distances)], s = `output_stride`.
      instances: int32 [B, H, W], see `affinity_targets.pair_targets`.
      output_stride: Input pixels per logit.
      distances: Distances of the channels, pixels.
      sample_stride: Pairs start at every `sample_stride`-th pixel of each axis; 1 is the
        paper's loss. Must divide `output_stride`.
      hard_pairs: Share of the scored pairs of a distance, those of the largest loss, that count;
        the divisor is this share of all weights.
      normalizer: Sum of the weights, see `weight_sum`, if these logits are a part of a batch; None
        for that of `instances`, averaged over the replicas.
      **pair_weights: As in `affinity_targets.pair_targets`.

    Returns:
      float32 scalar; 0 if no pair is scored. Under a strategy the replicas' mean is the loss.
    """

    @tf.custom_gradient
    def mean_loss(logits):
        loss_sum = weight_sum = 0.0
        gradients = []
        for index, distance in enumerate(distances):
            targets, weights = affinity_targets.pair_targets(
                instances, distance, sample_stride, **pair_weights
            )
            weight_sum += tf.reduce_sum(weights)
            part = _channels_of(logits, index)
            with tf.GradientTape() as tape:
                tape.watch(part)
                losses = tf.nn.sigmoid_cross_entropy_with_logits(
                    labels=tf.cast(targets, tf.float32),
                    logits=_sampled(part, output_stride, sample_stride, instances),
                )
                if hard_pairs < 1:
                    weights *= _hardest(losses, weights, hard_pairs)
                part_sum = tf.reduce_sum(losses * weights)
            gradients.append(tape.gradient(part_sum, part))
            loss_sum += part_sum
        divisor = replicas.mean_over_replicas(weight_sum) if normalizer is None else normalizer
        divisor *= hard_pairs
        gradient = tf.math.divide_no_nan(tf.concat(gradients, axis=-1), divisor)
        return tf.math.divide_no_nan(loss_sum, divisor), lambda upstream: upstream * gradient

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
    """
    total = 0.0
    for distance in distances:
        _, weights = affinity_targets.pair_targets(
            instances, distance, sample_stride, **pair_weights
        )
        total += tf.reduce_sum(weights)
    return total


def _hardest(losses: tf.Tensor, weights: tf.Tensor, share: float) -> tf.Tensor:
    """Returns 1 for the `share` of the pairs with a weight that have the largest losses, else 0."""
    scored = weights > 0
    found = tf.reshape(tf.where(scored, tf.stop_gradient(losses), -1.0), [-1])
    total = tf.math.count_nonzero(scored, dtype=tf.float32)
    count = tf.cast(tf.math.ceil(share * total), tf.int32)
    places = tf.math.top_k(found, count, sorted=False).indices
    chosen = tf.scatter_nd(places[:, None], tf.ones_like(places, tf.float32), tf.shape(found)[:1])
    return tf.reshape(chosen, tf.shape(losses))


class PairStatistics(NamedTuple):
    """What a validation collects, float32.

    Attributes:
      counts: [len(distances), 4], true positives, false positives, false negatives and true
        negatives of each distance at affinity 0.5, all scored pairs alike.
      loss_sums: [len(distances)], weighted cross-entropy of each distance.
      weight_sums: [len(distances)], weights of its pairs.
      histograms: [2, NUM_BINS], scored pairs of all distances whose target is false, and true, by
        affinity.
    """

    counts: tf.Tensor
    loss_sums: tf.Tensor
    weight_sums: tf.Tensor
    histograms: tf.Tensor


NUM_BINS = 1000
"""Equal bins of affinity that a validation counts pairs in."""


def pair_statistics(
    logits: tf.Tensor,
    instances: tf.Tensor,
    *,
    output_stride: int,
    distances: Sequence[int] = neighbors.DISTANCES,
    sample_stride: int = 1,
    **pair_weights: Any,
) -> PairStatistics:
    """Counts scored pairs by target and prediction, and adds up their losses.

    Args: As in `affinity_loss`.
    """
    rows = []
    histograms = tf.zeros([2 * NUM_BINS])
    for index, distance in enumerate(distances):
        targets, weights = affinity_targets.pair_targets(
            instances, distance, sample_stride, **pair_weights
        )
        part = _sampled(_channels_of(logits, index), output_stride, sample_stride, instances)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(targets, tf.float32), part)
        _, scored = affinity_targets.pair_targets(instances, distance, sample_stride)
        cases = [
            tf.equal(targets, target) & tf.equal(part > 0, predicted) & (scored > 0)
            for target, predicted in ((True, True), (False, True), (True, False), (False, False))
        ]
        counts = [tf.reduce_sum(tf.cast(case, tf.float32)) for case in cases]
        rows.append((counts, tf.reduce_sum(losses * weights), tf.reduce_sum(weights)))
        bins = tf.cast(tf.sigmoid(part) * NUM_BINS, tf.int32)
        bins = tf.minimum(bins, NUM_BINS - 1) + NUM_BINS * tf.cast(targets, tf.int32)
        histograms += tf.math.bincount(
            tf.reshape(bins, [-1]), tf.reshape(scored, [-1]), 2 * NUM_BINS, 2 * NUM_BINS
        )
    columns = (tf.convert_to_tensor(column) for column in zip(*rows, strict=True))
    return PairStatistics(*columns, tf.reshape(histograms, [2, NUM_BINS]))


def _channels_of(logits: tf.Tensor, index: int) -> tf.Tensor:
    first = index * neighbors.NUM_DIRECTIONS
    return logits[..., first : first + neighbors.NUM_DIRECTIONS]


def _sampled(
    logits: tf.Tensor, output_stride: int, sample_stride: int, instances: tf.Tensor
) -> tf.Tensor:
    """Upsampled logits at every `sample_stride`-th pixel, computed without the others.

    Pixel `sample_stride * j` of the upsampled map reads source `j / (output_stride /
    sample_stride)`, so upsampling by the smaller factor gives exactly these values.
    """
    height = -(-tf.shape(instances)[1] // sample_stride)
    width = -(-tf.shape(instances)[2] // sample_stride)
    return upsampling.upsample_logits(logits, output_stride // sample_stride, height, width)
