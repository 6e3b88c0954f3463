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


def image_probabilities(prediction: ImagePrediction) -> np.ndarray:
    """Returns the class probabilities of the full image, float32 [H, W, K].

    Raises:
      ValueError: A logit is not finite.
    """
    logits = prediction.semantic_logits
    check_finite(logits, "semantic", "full image")
    return semantic_probabilities(
        tf.constant(logits, tf.float32),
        prediction.semantic_stride,
        prediction.height,
        prediction.width,
    ).numpy()


def predicted_classes(prediction: ImagePrediction) -> np.ndarray:
    """Returns the most probable class of each pixel of the full image, int64 [H, W].

    Raises:
      ValueError: A logit is not finite.
    """
    return image_probabilities(prediction).argmax(axis=-1)


def check_finite(logits: np.ndarray, name: str, where: str) -> None:
    """Checks logits of a record.

    Args:
      logits: Of any shape.
      name: What they are of, "semantic" or "affinity".
      where: The part of the image, for messages.

    Raises:
      ValueError: One of them is not finite.
    """
    if not np.isfinite(logits).all():
        raise ValueError(f"{where}: the logits of `{name}` must be finite")
