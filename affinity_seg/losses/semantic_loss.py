"""Loss and statistics of the semantic network."""

from collections.abc import Sequence

import tensorflow as tf

from affinity_seg import labels
from affinity_seg.losses import counting, hard_examples, replicas
from affinity_seg.modeling import upsampling


def semantic_loss(
    logits: tf.Tensor,
    classes: tf.Tensor,
    *,
    output_stride: int,
    sample_stride: int = 1,
    class_weights: Sequence[float] = (),
    hard_pixel_share: float = 1.0,
    normalizer: tf.Tensor | None = None,
) -> tf.Tensor:
    """Mean softmax cross-entropy over the pixels of the global batch that are not void.

    Model Garden's segmentation loss has the same value. But it compares int32 labels, which on a
    GPU happens in the memory of the host, and stores a probability for each class and pixel.

    Args:
      logits: float [B, ceil(H/s), ceil(W/s), K], s = `output_stride`.
      classes: float32 [B, H, W], class index; `labels.VOID_CLASS` where void.
      output_stride: Input pixels per logit.
      sample_stride: The loss is taken at every `sample_stride`-th pixel of each axis; must divide
        `output_stride`.
      class_weights: K factors of the losses of each class; empty for 1. The divisor counts pixels.
      hard_pixel_share: Share of the pixels that are not void, those of the largest weighted loss,
        that count; the divisor is this share of all.
      normalizer: Number of pixels, see `scored_pixels`, if these logits are a part of a batch; None
        for that of `classes`, averaged over the replicas.

    Returns:
      float32 scalar; 0 if all is void. Under a strategy the replicas' mean is the loss.
    """
    sampled = classes[:, ::sample_stride, ::sample_stride]
    upsampled = _upsampled(logits, sampled, output_stride // sample_stride)
    # Flat before they are integers: GPUs reshape integers in the memory of the host.
    sampled = tf.reshape(sampled, [-1])
    scored = tf.not_equal(sampled, labels.VOID_CLASS)
    targets = tf.cast(tf.where(scored, sampled, 0), tf.int32)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        targets, tf.reshape(upsampled, [-1, logits.shape[-1]])
    )
    weights = tf.cast(scored, tf.float32)
    if class_weights:
        weights *= tf.gather(tf.constant(class_weights, tf.float32), targets)
    losses *= weights
    if hard_pixel_share < 1:
        losses *= hard_examples.hardest(losses, scored, hard_pixel_share)
    if normalizer is None:
        normalizer = replicas.mean_over_replicas(
            scored_pixels(classes, sample_stride=sample_stride)
        )
    return tf.math.divide_no_nan(tf.reduce_sum(losses), hard_pixel_share * normalizer)


def scored_pixels(classes: tf.Tensor, *, sample_stride: int = 1) -> tf.Tensor:
    """Returns how many pixels are not void, a float32 scalar.

    Args: As in `semantic_loss`.
    """
    sampled = classes[:, ::sample_stride, ::sample_stride]
    count = tf.math.count_nonzero(tf.not_equal(sampled, labels.VOID_CLASS), dtype=tf.int64)
    return tf.cast(count, tf.float32)


def confusion_matrix(logits: tf.Tensor, classes: tf.Tensor, *, output_stride: int) -> tf.Tensor:
    """Counts pixels by true and predicted class.

    Args: As in `semantic_loss`.

    Returns:
      int32 [K, K], rows are the true classes; void is not counted.
    """
    num_classes = logits.shape[-1]
    predicted = tf.argmax(_upsampled(logits, classes, output_stride), axis=-1)
    cells = classes * num_classes + tf.cast(predicted, tf.float32)
    is_scored = tf.not_equal(classes, labels.VOID_CLASS)
    counts = counting.count_cells(cells, is_scored, num_classes**2)
    return tf.reshape(counts, [num_classes, num_classes])


def _upsampled(logits: tf.Tensor, classes: tf.Tensor, stride: int) -> tf.Tensor:
    """Logits [B, h, w, K] at every pixel of classes [B, H, W]."""
    return upsampling.upsample_logits(logits, stride, *upsampling.size_of(classes))
