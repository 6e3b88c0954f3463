"""Bilinear upsampling of logits, the same in training and in inference (algorithm.md 4.1)."""

import tensorflow as tf


def upsample_logits(
    logits: tf.Tensor, stride: int, height: int | tf.Tensor, width: int | tf.Tensor
) -> tf.Tensor:
    """Upsamples logits to the resolution of the network's input.

    Output pixel `y` reads source `y / stride`, linearly between neighbours and clamped at the
    bottom and right (align_corners=False, not half-pixel); the authors' checkpoints were
    trained with this.

    Args:
      logits: float [B, h, w, C].
      stride: Output pixels per logit.
      height: Height to crop the result to, pixels, at most `h * stride`.
      width: Width to crop the result to, pixels, at most `w * stride`.

    Returns:
      float32 [B, height, width, C].
    """
    size = tf.shape(logits)[1:3] * stride
    upsampled = tf.raw_ops.ResizeBilinear(
        images=tf.cast(logits, tf.float32),
        size=size,
        align_corners=False,
        half_pixel_centers=False,
    )
    return upsampled[:, :height, :width]
