"""From a picture to the input of a network: contrast stretch and normalization."""

from typing import Protocol

import tensorflow as tf

from affinity_seg import percentiles

RGB = 3
"""Channels of an RGB image, which are treated alike."""


class InputSettings(Protocol):
    """What says how a network sees a picture, see `configs.networks.Network`."""

    num_channels: int
    pixel_mean: list[float]
    pixel_scale: float
    contrast_percentiles: list[float]
    contrast_floor: float


def stretch_contrast(
    config: InputSettings, image: tf.Tensor, histogram: tf.Tensor | None = None
) -> tf.Tensor:
    """Applies `contrast_percentiles` and `contrast_floor` to an image, or to a part of one.

    Args:
      config: The network's settings.
      image: uint8 [H, W, C]; the channels of RGB are stretched alike, others each on its own.
      histogram: Integers [1, 256], counts of each value over all channels of the whole image; of
        others than RGB [C, 256], those of each channel. None if `image` is the whole image.

    Returns:
      float32 [H, W, C], 0..255; `image` itself if there are no percentiles.

    Raises:
      ValueError: The image has not `config.num_channels` channels.
    """
    if image.shape[-1] != config.num_channels:
        raise ValueError(
            f"an image must have {config.num_channels} channels for this network: "
            f"{image.shape[-1]}; choose them with `--channels` (in Python `channels`)"
        )
    if not config.contrast_percentiles:
        return image
    if histogram is None:
        histogram = _histogram(image)
    found = percentiles.of_histogram(histogram, config.contrast_percentiles)
    low, high = tf.unstack(tf.cast(found, tf.float32), axis=1)
    stretched = (tf.cast(image, tf.float32) - low) * (
        255 / tf.maximum(high - low, config.contrast_floor)
    )
    return tf.clip_by_value(stretched, 0, 255)


def _histogram(image: tf.Tensor) -> tf.Tensor:
    """Returns the histogram of a whole image for `stretch_contrast`."""
    values = tf.cast(image, tf.int32)
    parts = [values] if image.shape[-1] == RGB else tf.unstack(values, axis=-1)
    return tf.stack([tf.math.bincount(tf.reshape(part, [-1]), minlength=256) for part in parts])


def normalize(config: InputSettings, images: tf.Tensor) -> tf.Tensor:
    """Returns images 0..255 [..., C] as the network's float32 input, with the mean at zero."""
    mean = tf.constant(list(config.pixel_mean), tf.float32)
    return (tf.cast(images, tf.float32) - mean) / config.pixel_scale
