"""TFRecord examples to normalised crops with labels, for both networks."""

from collections.abc import Callable

import tensorflow as tf

from affinity_seg import common, labels
from affinity_seg.configs import experiments
from affinity_seg.dataloaders import filenames

_FEATURES = {
    common.IMAGE_ENCODED: tf.io.FixedLenFeature([], tf.string),
    common.INSTANCE_ENCODED: tf.io.FixedLenFeature([], tf.string),
    common.IMAGE_FILENAME: tf.io.FixedLenFeature([], tf.string, default_value=""),
}


def decode(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Decodes one example.

    Returns:
      {"image": uint8 [H, W, 3], "instances": uint16 [H, W], pixels as stored on disk,
      "filename": string scalar}
    """
    example = tf.io.parse_single_example(serialized, _FEATURES)
    image = tf.io.decode_image(example[common.IMAGE_ENCODED], channels=3, expand_animations=False)
    instances = tf.io.decode_png(example[common.INSTANCE_ENCODED], channels=1, dtype=tf.uint16)
    image.set_shape([None, None, 3])
    return {
        "image": image,
        "instances": instances[..., 0],
        "filename": example[common.IMAGE_FILENAME],
    }


def split_labels(stored: tf.Tensor, class_table: labels.ClassTable) -> tuple[tf.Tensor, tf.Tensor]:
    """`labels.ClassTable.decode` in TensorFlow.

    Args:
      stored: integer [H, W], pixels as stored on disk.
      class_table: The data set's classes.

    Returns:
      classes: int32 [H, W], `labels.VOID_CLASS` where void.
      instances: int32 [H, W], 0 on background and stuff, `labels.VOID_INSTANCE` on void and
        group regions.
    """
    stored = tf.cast(stored, tf.int32)
    if class_table.encoding == "ids":
        return tf.cast(stored > 0, tf.int32), stored
    grouped = stored < 1000
    label_ids = tf.minimum(tf.where(grouped, stored, stored // 1000), 255)
    classes = tf.gather(tf.constant(class_table.class_of_label()), label_ids)
    void = tf.equal(classes, labels.VOID_CLASS)
    thing = tf.gather(tf.constant(class_table.is_thing()), classes)
    instances = tf.where(thing & ~grouped, stored, 0)
    return classes, tf.where((thing & grouped) | void, labels.VOID_INSTANCE, instances)


class Parser:
    """Zoom, flip, crop and normalisation of decoded examples.

    The image and its labels are resized, mirrored and cut together. Where the image is smaller
    than the crop, the rest is the mean colour (zero after normalisation) with void labels.
    Every random choice comes from the seed given with the example, so a run is reproducible.
    """

    def __init__(
        self,
        config: experiments.DataConfig,
        class_table: labels.ClassTable,
        stretch_contrast: Callable[[tf.Tensor], tf.Tensor],
        normalize: Callable[[tf.Tensor], tf.Tensor],
    ):
        """Takes the settings, and what the network does to a whole image and to a crop."""
        self._config = config
        self._class_table = class_table
        self._stretch_contrast = stretch_contrast
        self._normalize = normalize

    def __call__(
        self, seed: tf.Tensor, example: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Parses one decoded example.

        Args:
          seed: int64 [2], of this example's random choices.
          example: As `decode` returns.

        Returns:
          image: float32 [crop height, crop width, 3], normalised.
          labels: {common.LABEL_CLASSES, common.LABEL_INSTANCES}: int32 [crop height, crop width],
            and common.LABEL_FILENAME.
        """
        config = self._config
        height, width = config.crop_size
        image = self._stretch_contrast(example["image"])
        stored = tf.cast(example["instances"], tf.int32)[..., None]
        seeds = tf.unstack(tf.random.split(seed, 7))
        if config.scale_min != 1.0 or config.scale_max != 1.0:
            scale = _uniform(seeds[0], config.scale_min, config.scale_max)
            image, stored = _resize(image, stored, scale)
        image, stored = self._crop(image, stored, seeds[1], seeds[5])
        image = tf.cast(image, tf.float32)
        if config.is_training and config.random_flip:
            flipped = _uniform(seeds[2], 0.0, 1.0) < 0.5
            image = tf.cond(flipped, lambda: image[:, ::-1], lambda: image)
            stored = tf.cond(flipped, lambda: stored[:, ::-1], lambda: stored)
        if config.is_training and config.photometric > 0:
            image = _vary_colors(image, seeds[3], seeds[4], config.photometric)
        classes, instances = split_labels(stored[..., 0], self._class_table)
        margin = [[0, height - tf.shape(image)[0]], [0, width - tf.shape(image)[1]]]
        image = tf.pad(self._normalize(image), [*margin, [0, 0]])
        classes = tf.pad(classes, margin, constant_values=labels.VOID_CLASS)
        instances = tf.pad(instances, margin, constant_values=labels.VOID_INSTANCE)
        if config.is_training and config.random_turn:
            turns = tf.random.stateless_uniform([], seeds[6], 0, 4, tf.int32)
            image = tf.image.rot90(image, turns)
            both = tf.image.rot90(tf.stack([classes, instances], axis=-1), turns)
            classes, instances = tf.unstack(both, axis=-1)
        return tf.ensure_shape(image, [height, width, 3]), {
            common.LABEL_CLASSES: tf.ensure_shape(classes, [height, width]),
            common.LABEL_INSTANCES: tf.ensure_shape(instances, [height, width]),
            common.LABEL_FILENAME: filenames.to_codes(example["filename"]),
        }

    def _crop(self, image: tf.Tensor, stored: tf.Tensor, seed: tf.Tensor, focus_seed: tf.Tensor):
        """Cuts a window of at most the crop size: a random one in training, else the middle."""
        config = self._config
        size = tf.minimum(tf.shape(image)[:2], config.crop_size)
        room = tf.shape(image)[:2] - size
        if config.is_training:
            share = tf.random.stateless_uniform([2], seed)
            start = tf.minimum(tf.cast(share * tf.cast(room + 1, tf.float32), tf.int32), room)
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
        instances the window is a random one.
        """
        classes, instances = split_labels(stored[..., 0], self._class_table)
        width = tf.shape(classes)[1]
        classes = tf.reshape(tf.where(instances > 0, classes, labels.VOID_CLASS), [-1])
        counts = tf.math.bincount(classes, minlength=labels.VOID_CLASS + 1)
        weights = tf.gather(tf.math.divide_no_nan(1.0, tf.cast(counts, tf.float32)), classes)
        weights = tf.cumsum(tf.where(tf.equal(classes, labels.VOID_CLASS), 0.0, weights))
        drawn = _uniform(seed, 0.0, 1.0) * weights[-1]
        pixel = tf.searchsorted(weights, drawn[None], side="right")[0]
        pixel = tf.minimum(pixel, tf.size(classes) - 1)
        center = tf.stack([pixel // width, pixel % width])
        before = tf.cast(share * tf.cast(size, tf.float32), tf.int32)
        return tf.clip_by_value(center - before, 0, room)


def _uniform(seed: tf.Tensor, low: float, high: float) -> tf.Tensor:
    return tf.random.stateless_uniform([], seed, low, high)


def _resize(image: tf.Tensor, stored: tf.Tensor, scale: tf.Tensor):
    """Zooms an image (bilinear, half-pixel) and its labels (nearest) to the same size."""
    size = tf.cast(tf.floor(tf.cast(tf.shape(image)[:2], tf.float32) * scale + 0.5), tf.int32)
    size = tf.maximum(size, 1)
    return tf.image.resize(image, size), tf.image.resize(stored, size, method="nearest")


def _vary_colors(
    image: tf.Tensor, gain_seed: tf.Tensor, shift_seed: tf.Tensor, strength: float
) -> tf.Tensor:
    """Multiplies contrast and shifts brightness, for all channels and a bit for each alone."""
    gain = 1 + strength * (
        _uniform(gain_seed, -1.0, 1.0)
        + 0.3 * tf.random.stateless_uniform([3], shift_seed, -1.0, 1.0)
    )
    shift = 128 * strength * tf.random.stateless_uniform([], shift_seed + 1, -1.0, 1.0)
    mean = tf.reduce_mean(image, axis=(0, 1))
    return tf.clip_by_value((image - mean) * gain + mean + shift, 0.0, 255.0)
