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
    upsampled = tf.cast(logits, tf.float32)
    # An operation that changes nothing is left out: its gradient takes time on a CPU.
    if stride > 1:
        upsampled = tf.raw_ops.ResizeBilinear(
            images=upsampled,
            size=[length * stride for length in size_of(logits)],
            align_corners=False,
            half_pixel_centers=False,
        )
    if upsampled.shape[1:3] == [height, width]:
        return upsampled
    return upsampled[:, :height, :width]


def size_of(pixels: tf.Tensor) -> list[int | tf.Tensor]:
    """Returns height and width of pixels [B, H, W, ...], as numbers where they are known."""
    dynamic = tf.unstack(tf.shape(pixels)[1:3])
    static = pixels.shape[1:3]
    return [d if s is None else s for d, s in zip(dynamic, static, strict=True)]
