"""TFRecord examples to crops as they are on disk, for both networks."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from affinity_seg import common, labels
from affinity_seg.configs import experiments
from affinity_seg.data import graph_pictures
from affinity_seg.dataloaders import filenames

_FEATURES = {
    common.IMAGE_ENCODED: tf.io.FixedLenFeature([], tf.string),
    common.INSTANCE_ENCODED: tf.io.FixedLenFeature([], tf.string),
    common.IMAGE_FILENAME: tf.io.FixedLenFeature([], tf.string, default_value=""),
}

_PNG_BITS_AT = 24
"""Where a PNG's header has the bits of a pixel."""

OUTSIDE = 2**16
"""Stored label of a crop's pixels that lie outside the image; those on disk have 16 bits."""


def decode(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Decodes one example.

    Returns:
      {"image": uint8 [H, W, 3], "instances": uint16 [H, W], pixels as stored on disk,
      "filename": string scalar}

    Raises:
      tf.errors.InvalidArgumentError: A picture is damaged, or claims to be too large to be decoded.
    """
    example = tf.io.parse_single_example(serialized, _FEATURES)
    name = example[common.IMAGE_FILENAME]
    image = graph_pictures.decode(example[common.IMAGE_ENCODED], ["image", name])
    checked = graph_pictures.check(example[common.INSTANCE_ENCODED], ["instance image of", name])
    instances = tf.io.decode_png(checked, channels=1, dtype=tf.uint16)
    # Records of older versions may hold 8 bits, which TensorFlow spreads over 16, times 257.
    bits = tf.io.decode_raw(tf.strings.substr(checked, _PNG_BITS_AT, 1), tf.uint8)[0]
    instances = tf.bitwise.right_shift(instances, tf.cast(tf.where(bits < 16, 8, 0), tf.uint16))
    return {
        "image": image,
        "instances": instances[..., 0],
        "filename": name,
    }


class Parser:
    """Crop, zoom, flip and colours of decoded examples.

    The image and its stored labels are cut, resized and mirrored together. Where the image is
    smaller than the crop, the rest is marked as outside. What both need as floats or as several
    maps is made of them in the training step, see `step_inputs.prepare`. Every random choice comes
    from the seed given with the example, so a run is reproducible.
    """

    def __init__(
        self,
        config: experiments.DataConfig,
        class_table: labels.ClassTable,
        stretch_contrast: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ):
        """Takes the settings, and what the network does to a whole image, if anything."""
        self._config = config
        self._stretch_contrast = stretch_contrast or (lambda image: image)
        classes, instances = class_table.decode(np.arange(OUTSIDE))
        self._class_of_instance = np.where(instances > 0, classes, labels.VOID_CLASS)

    def __call__(self, seed: tf.Tensor, example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Parses one decoded example.

        Args:
          seed: int64 [2], of this example's random choices.
          example: As `decode` returns.

        Returns:
          {"image": uint8 [crop height, crop width, 3],
           "instances": float32 [crop height, crop width], as stored on disk; `OUTSIDE` where the
             image has no pixel}
        """
        config = self._config
        image, stored = self._stretch_contrast(example["image"]), example["instances"]
        seeds = tf.unstack(tf.random.split(seed, 7))
        zoomed = config.scale_min != 1.0 or config.scale_max != 1.0
        scale = _uniform(seeds[0], config.scale_min, config.scale_max) if zoomed else 1.0
        size = _zoomed_size(tf.shape(stored), scale, config.crop_size)
        window = _source_size(tf.shape(stored), scale, size) if zoomed else size
        image, stored = self._crop(image, stored, window, seeds[1], seeds[5])
        if zoomed:
            image, stored = _resize(image, stored, size)
        if config.is_training and config.random_flip:
            flipped = _uniform(seeds[2], 0.0, 1.0) < 0.5
            image, stored = tf.cond(
                flipped,
                lambda: (tf.reverse(image, [1]), tf.reverse(stored, [1])),
                lambda: (image, stored),
            )
        if config.is_training and config.photometric > 0:
            image = _vary_colors(image, seeds[3], seeds[4], config.photometric)
        if image.dtype != tf.uint8:
            image = tf.saturate_cast(image + 0.5, tf.uint8)
        margin = [[0, total - size[axis]] for axis, total in enumerate(config.crop_size)]
        image = tf.pad(image, [*margin, [0, 0]])
        stored = tf.pad(tf.cast(stored, tf.float32), margin, constant_values=float(OUTSIDE))
        if config.is_training and config.random_turn:
            turns = tf.random.stateless_uniform([], seeds[6], 0, 4, tf.int32)
            image = tf.image.rot90(image, turns)
            stored = tf.image.rot90(stored[..., None], turns)[..., 0]
        return {
            "image": tf.ensure_shape(image, [*config.crop_size, 3]),
            "instances": tf.ensure_shape(stored, config.crop_size),
            "filename": filenames.to_codes(example["filename"]),
        }

    def _crop(
        self,
        image: tf.Tensor,
        stored: tf.Tensor,
        size: tf.Tensor,
        seed: tf.Tensor,
        focus_seed: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Cuts a window of `size`: a random one in training, else the middle."""
        config = self._config
        room = tf.shape(stored) - size
        if config.is_training:
            share = tf.random.stateless_uniform([2], seed)
            start = _index(share, room + 1)
            if config.object_crops > 0:
                focused = _uniform(focus_seed, 0.0, 1.0) < config.object_crops
                start = tf.cond(
                    focused,
                    lambda: self._object_start(stored, share, focus_seed + 1, size, room),
                    lambda: start,
                )
        else:
            start = room // 2
        end = start + size
        window = (slice(start[0], end[0]), slice(start[1], end[1]))
        return image[window], stored[window]

    def _object_start(
        self,
        stored: tf.Tensor,
        share: tf.Tensor,
        seed: tf.Tensor,
        size: tf.Tensor,
        room: tf.Tensor,
    ) -> tf.Tensor:
        """Returns the upper left corner of a window that holds a pixel of an instance.

        Every class that the image has is equally likely, and so are the pixels of a class. Without
        instances the window is around any pixel.
        """
        classes = tf.gather(tf.constant(self._class_of_instance), tf.cast(stored, tf.int32))
        counts = tf.math.bincount(tf.reshape(classes, [-1]), minlength=labels.VOID_CLASS + 1)
        found = tf.where(counts[: labels.VOID_CLASS] > 0)[:, 0]
        found = tf.concat([found, [labels.VOID_CLASS]], axis=0)  # The last, if there is no other.
        draws = tf.random.stateless_uniform([2], seed)
        chosen = found[_index(draws[0], tf.maximum(tf.size(found) - 1, 1))]
        pixels = tf.where(tf.equal(classes, tf.cast(chosen, tf.int32)))
        center = tf.cast(pixels[_index(draws[1], tf.shape(pixels)[0])], tf.int32)
        before = tf.cast(share * tf.cast(size, tf.float32), tf.int32)
        return tf.clip_by_value(center - before, 0, room)


def _uniform(seed: tf.Tensor, low: float, high: float) -> tf.Tensor:
    return tf.random.stateless_uniform([], seed, low, high)


def _index(share: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Returns the index at a share in [0, 1) of `count` things."""
    return tf.minimum(tf.cast(share * tf.cast(count, tf.float32), tf.int32), count - 1)


def _round(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.floor(values + 0.5), tf.int32)


def _zoomed_size(shape: tf.Tensor, scale: tf.Tensor | float, crop_size: list[int]) -> tf.Tensor:
    """Returns height and width of the crop of a zoomed image, which may be smaller than wanted."""
    return tf.minimum(tf.maximum(_round(tf.cast(shape, tf.float32) * scale), 1), crop_size)


def _source_size(shape: tf.Tensor, scale: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns height and width, before the zoom, of a window that has `size` after it."""
    return tf.clip_by_value(_round(tf.cast(size, tf.float32) / scale), 1, shape)


def _resize(image: tf.Tensor, stored: tf.Tensor, size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Resizes an image (bilinear, half-pixel) and its labels (nearest) to the same size.

    Only the crop is resized: the image is float32 afterwards and large images are many times
    as large as it.
    """
    shape = tf.shape(stored)
    for axis in range(2):
        # floor((y + 0.5) * shape / size) in integers.
        nearest = (2 * tf.range(size[axis]) + 1) * shape[axis] // (2 * size[axis])
        stored = tf.gather(stored, nearest, axis=axis)
    return tf.image.resize(image, size), stored


def _vary_colors(
    image: tf.Tensor, gain_seed: tf.Tensor, shift_seed: tf.Tensor, strength: float
) -> tf.Tensor:
    """Multiplies contrast and shifts brightness, for all channels and a bit for each alone."""
    gain = 1 + strength * (
        _uniform(gain_seed, -1.0, 1.0)
        + 0.3 * tf.random.stateless_uniform([3], shift_seed, -1.0, 1.0)
    )
    shift = 128 * strength * tf.random.stateless_uniform([], shift_seed + 1, -1.0, 1.0)
    image = tf.cast(image, tf.float32)
    mean = tf.reduce_mean(image, axis=(0, 1))
    return image * gain + (mean * (1 - gain) + shift)
