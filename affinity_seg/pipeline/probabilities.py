"""From stored semantic logits to probabilities: upsampling, flips (algorithm.md 3.6, 4.1)."""

import numpy as np
import tensorflow as tf

from affinity_seg.modeling.upsampling import upsample_logits
from affinity_seg.pipeline.predictions import ImagePrediction


def semantic_probabilities(
    logits: tf.Tensor, stride: int, height: int | tf.Tensor, width: int | tf.Tensor
) -> tf.Tensor:
    """Returns the class probabilities of one image, averaged over its flips.

    Args:
      logits: float [F, h, w, K]; if F is 2, the second is of the mirrored image.
      stride: Pixels per logit.
      height: Of the image before padding, pixels.
      width: Of the image before padding, pixels.

    Returns:
      float32 [height, width, K].
    """
    probabilities = tf.nn.softmax(upsample_logits(logits, stride, height, width))
    if logits.shape[0] == 2:
        return (probabilities[0] + probabilities[1, :, ::-1]) / 2
    return probabilities[0]


def predicted_classes(prediction: ImagePrediction) -> np.ndarray:
    """Returns the most probable class of each pixel of the full image, int64 [H, W]."""
    logits = tf.constant(prediction.semantic_logits, tf.float32)
    return (
        semantic_probabilities(
            logits, prediction.semantic_stride, prediction.height, prediction.width
        )
        .numpy()
        .argmax(axis=-1)
    )
