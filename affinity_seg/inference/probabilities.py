"""From stored logits to probabilities: upsampling, flips, averages (algorithm.md 3.6, 4.1)."""

import tensorflow as tf

from affinity_seg import neighbors
from affinity_seg.modeling.upsampling import upsample_logits


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


def affinity_probabilities(
    logits: tf.Tensor,
    stride: int,
    height: int | tf.Tensor,
    width: int | tf.Tensor,
    distances: tuple[int, ...],
) -> tf.Tensor:
    """Returns the affinities of one image, averaged over its flips.

    Args:
      logits: float [F, h, w, 8 * len(distances)]; if F is 2, the second is of the mirrored
        image, whose channels look the other way.
      stride: Pixels per logit.
      height: Of the image before padding, pixels.
      width: Of the image before padding, pixels.
      distances: Distances of the channels, pixels.

    Returns:
      float32 [height, width, 8 * len(distances)].
    """
    probabilities = tf.sigmoid(upsample_logits(logits, stride, height, width))
    if logits.shape[0] == 2:
        mirrored = tf.gather(probabilities[1, :, ::-1], neighbors.mirrored(distances), axis=-1)
        return (probabilities[0] + mirrored) / 2
    return probabilities[0]
