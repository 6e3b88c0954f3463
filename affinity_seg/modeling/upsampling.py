"""Bilinear upsampling of logits, the same in training and in inference (algorithm.md 4.1)."""

import numpy as np
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
    if stride > 1:
        upsampled = _upsampled(upsampled, stride)
    # A slice of all pixels is left out: its gradient is a copy.
    if upsampled.shape[1:3] == [height, width]:
        return upsampled
    return upsampled[:, :height, :width]


def _upsampled(logits: tf.Tensor, stride: int) -> tf.Tensor:
    """Upsamples float32 logits, with a gradient that uses all cores.

    TensorFlow's own gradient of `ResizeBilinear` runs on one core of a CPU and takes several times
    as long as the convolution here. A source adds up the gradients of the output pixels around it,
    with the weights that it had in them: a depthwise convolution.
    """

    @tf.custom_gradient
    def resized(logits):
        upsampled = tf.raw_ops.ResizeBilinear(
            images=logits,
            size=[length * stride for length in size_of(logits)],
            align_corners=False,
            half_pixel_centers=False,
        )
        return upsampled, lambda gradient: _gathered(gradient, stride)

    return resized(logits)


def _gathered(gradient: tf.Tensor, stride: int) -> tf.Tensor:
    """Returns the gradient [B, h, w, C] of the logits from that of the upsampled ones."""
    weights = 1 - np.abs(np.arange(1 - stride, stride)) / stride
    kernel = np.outer(weights, weights).astype(np.float32)[:, :, None, None]
    margins = [stride - 1, stride]
    sums = tf.nn.depthwise_conv2d(
        gradient,
        tf.constant(np.tile(kernel, [1, 1, gradient.shape[-1], 1])),
        [1, stride, stride, 1],
        [[0, 0], margins, margins, [0, 0]],
    )
    # There is one source too many at the bottom and right. Clamped, it is the last one.
    sums = tf.concat([sums[:, :-2], sums[:, -2:-1] + sums[:, -1:]], axis=1)
    return tf.concat([sums[:, :, :-2], sums[:, :, -2:-1] + sums[:, :, -1:]], axis=2)


def size_of(pixels: tf.Tensor) -> list[int | tf.Tensor]:
    """Returns height and width of pixels [B, H, W, ...], as numbers where they are known."""
    dynamic = tf.unstack(tf.shape(pixels)[1:3])
    static = pixels.shape[1:3]
    return [d if s is None else s for d, s in zip(dynamic, static, strict=True)]
