"""Makes crops of TFRecord examples, with labels as stored on disk, for both networks."""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from affinity_seg import grids, labels
from affinity_seg.configs import training_data
from affinity_seg.data import graph_examples
from affinity_seg.dataloaders import fingerprints, microscope

OUTSIDE = 2**16
"""Stored label of a crop's pixels that lie outside the image; those on disk have 16 bits."""


class Parser:
    """Crop, zoom, flip, colours and other changes of examples.

    A window is chosen first, and only the parts of the image and of its stored labels that it needs
    are decoded. Both are cut, resized and mirrored together. Where the image is smaller than the
    crop, the rest is marked as outside. The training step makes the network's float input and the
    maps of classes and instances from a crop, see `step_inputs.prepare`. Every random choice comes
    from the seed given with the example, so a run is reproducible.
    """

    def __init__(
        self,
        config: training_data.DataConfig,
        class_table: labels.ClassTable,
        stretch_contrast: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None,
        num_channels: int = 3,
    ):
        """Initializes the parser.

        Args:
          config: The settings.
          class_table: The classes of the examples.
          stretch_contrast: The network's contrast stretch: a function of a part of an image, uint8
            [h, w, C], and the histogram of the whole image, int32 [1 or C, 256]; it returns the
            part.
          num_channels: C, the channels that images must have.
        """
        self._config = config
        self._num_channels = num_channels
        self._stretch_contrast = stretch_contrast or (lambda image, histogram: image)
        classes, instances = class_table.decode(np.arange(OUTSIDE))
        self._class_of_instance = np.where(instances > 0, classes, labels.VOID_CLASS)
        self._background = class_table.background_value()

    def __call__(self, seed: tf.Tensor, example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Makes a crop of one example.

        Args:
          seed: int64 [2], of this example's random choices.
          example: As `graph_examples.parse` returns.

        Returns:
          {"image": uint8 [crop height, crop width, C],
           "instances": float32 [crop height, crop width], as stored on disk; `OUTSIDE` where the
             image has no pixel,
           "fingerprint": int64 scalar, which image it is, see `fingerprints`}
        """
        config = self._config
        seeds = tf.unstack(tf.random.split(seed, 7))
        zoomed = (config.scale_min, config.scale_max, config.object_size) != (1, 1, 0)
        scale = self._zoom(example, seeds[0]) if zoomed else 1.0
        size = _zoomed_size(example["size"], scale, config.crop_size)
        window = _source_size(example["size"], scale, size) if zoomed else size
        start = self._start(example, window, seeds[1], seeds[5])
        stored = graph_examples.read_instances(example, start, window)
        image = self._with_channels(graph_examples.read_image(example, start, window), example)
        image = self._stretch_contrast(image, example["histogram"])
        if zoomed:
            image, stored = _resize(image, stored, size)
        more_seeds = tf.unstack(tf.random.split(tf.random.fold_in(seed, 1), 3))
        if config.is_training and config.microscope.empty > 0:
            is_empty = _uniform(more_seeds[0], 0.0, 1.0) < config.microscope.empty
            image, stored = tf.cond(
                is_empty,
                lambda: (
                    microscope.empty(size, window, more_seeds[1]),
                    tf.fill(size, tf.cast(self._background, stored.dtype)),
                ),
                lambda: (tf.cast(image, tf.float32), stored),
            )
        if config.is_training and config.random_flip:
            flipped = _uniform(seeds[2], 0.0, 1.0) < 0.5
            image, stored = tf.cond(
                flipped,
                lambda: (tf.reverse(image, [1]), tf.reverse(stored, [1])),
                lambda: (image, stored),
            )
        if config.is_training and config.photometric > 0:
            image = _vary_colors(image, seeds[3], seeds[4], config.photometric)
        if config.is_training and config.microscope.changes_crops:
            image = tf.cast(image, tf.float32)
            image = microscope.change(config.microscope, image, window, more_seeds[2])
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
            "image": tf.ensure_shape(image, [*config.crop_size, self._num_channels]),
            "instances": tf.ensure_shape(stored, config.crop_size),
            "fingerprint": fingerprints.of(example["filename"]),
        }

    def _with_channels(self, image: tf.Tensor, example: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns an image with a static number of channels, which is checked."""
        fits = tf.debugging.Assert(
            tf.equal(tf.shape(image)[2], self._num_channels),
            [
                "an image must have as many channels as `task.model.num_channels`,",
                self._num_channels,
                example["filename"],
                tf.shape(image)[2],
            ],
        )
        with tf.control_dependencies([fits]):
            return tf.ensure_shape(tf.identity(image), [None, None, self._num_channels])

    def _zoom(self, example: dict[str, tf.Tensor], seed: tf.Tensor) -> tf.Tensor:
        """Returns the zoom of an image, see `DataConfig.object_size`.

        The record's counts tell the area of every instance, so no labels are decoded.
        """
        config = self._config
        if not config.object_size:
            return _uniform(seed, config.scale_min, config.scale_max)
        classes = tf.gather(tf.constant(self._class_of_instance), example["values"])
        areas = tf.reduce_sum(example["counts"], axis=0)[classes != labels.VOID_CLASS]
        # An image without instances gets the middle of the limits, on a logarithmic scale.
        middle = config.object_size / math.sqrt(config.min_zoom * config.max_zoom)
        size = tf.cond(tf.size(areas) > 0, lambda: _median_diameter(areas), lambda: middle)
        zoom = tf.clip_by_value(config.object_size / size, config.min_zoom, config.max_zoom)
        limits = math.log(config.scale_min), math.log(config.scale_max)
        return zoom * tf.exp(_uniform(seed, *limits))

    def _start(
        self, example: dict[str, tf.Tensor], size: tf.Tensor, seed: tf.Tensor, focus_seed: tf.Tensor
    ) -> tf.Tensor:
        """Returns the upper left corner of a window: a random one in training, else the middle."""
        config = self._config
        room = example["size"] - size
        if not config.is_training:
            return room // 2
        share = tf.random.stateless_uniform([2], seed)
        start = _index(share, room + 1)
        if config.object_crops == 0:
            return start
        focused = _uniform(focus_seed, 0.0, 1.0) < config.object_crops
        return tf.cond(
            focused,
            lambda: self._object_start(example, share, focus_seed + 1, size, room),
            lambda: start,
        )

    def _object_start(
        self,
        example: dict[str, tf.Tensor],
        share: tf.Tensor,
        seed: tf.Tensor,
        size: tf.Tensor,
        room: tf.Tensor,
    ) -> tf.Tensor:
        """Returns the upper left corner of a window that holds a pixel of an instance.

        Every class that the image has is equally likely, and so are the pixels of a class. Without
        instances the window is around any pixel. The record's counts tell which row of tiles has
        the pixel, and only that one is decoded.
        """
        class_of_instance = tf.constant(self._class_of_instance)
        classes = tf.gather(class_of_instance, example["values"])
        present = tf.math.bincount(classes, minlength=labels.VOID_CLASS + 1)
        found = tf.where(present[: labels.VOID_CLASS] > 0)[:, 0]
        found = tf.concat([found, [labels.VOID_CLASS]], axis=0)  # The last, if there is no other.
        draws = tf.random.stateless_uniform([2], seed)
        chosen = tf.cast(found[_index(draws[0], tf.maximum(tf.size(found) - 1, 1))], tf.int32)
        counts = tf.reduce_sum(tf.where(tf.equal(classes, chosen), example["counts"], 0), axis=1)
        ends = tf.cumsum(counts)
        index = _index(draws[1], ends[-1])
        row = tf.searchsorted(ends, [index], side="right")[0]
        height = example["tile"][0]
        top = row * height
        band = tf.stack([tf.minimum(height, example["size"][0] - top), example["size"][1]])
        stored = graph_examples.read_instances(example, tf.stack([top, 0]), band)
        stored_classes = tf.gather(class_of_instance, tf.cast(stored, tf.int32))
        pixels = tf.where(tf.equal(stored_classes, chosen))
        pixel = tf.cast(pixels[index - (ends[row] - counts[row])], tf.int32)
        before = tf.cast(share * tf.cast(size, tf.float32), tf.int32)
        return tf.clip_by_value(tf.stack([top, 0]) + pixel - before, 0, room)


def _uniform(seed: tf.Tensor, low: float, high: float) -> tf.Tensor:
    return tf.random.stateless_uniform([], seed, low, high)


def _index(share: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Returns the index at a share in [0, 1) of `count` things."""
    return tf.minimum(tf.cast(share * tf.cast(count, tf.float32), tf.int32), count - 1)


def _median_diameter(areas: tf.Tensor) -> tf.Tensor:
    """Returns the median diameter, float32, of the circles of areas, int [1 or more], pixels."""
    diameters = tf.sqrt(tf.cast(tf.sort(areas), tf.float32) * (4 / math.pi))
    count = tf.size(diameters)
    return (diameters[(count - 1) // 2] + diameters[count // 2]) / 2


def _round(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.floor(values + 0.5), tf.int32)


def _zoomed_size(shape: tf.Tensor, scale: tf.Tensor | float, crop_size: list[int]) -> tf.Tensor:
    """Returns height and width of the crop of a zoomed image, which may be smaller than wanted."""
    return tf.minimum(tf.maximum(_round(tf.cast(shape, tf.float32) * scale), 1), crop_size)


def _source_size(shape: tf.Tensor, scale: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns height and width, before the zoom, of a window that has `size` after it."""
    return tf.clip_by_value(_round(tf.cast(size, tf.float32) / scale), 1, shape)


def _resize(image: tf.Tensor, stored: tf.Tensor, size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Resizes an image (bilinear, half-pixel) and its labels (by area) to the same size.

    Only the crop is resized: the image is float32 afterwards and large images are many times
    as large as it.
    """
    return tf.image.resize(image, size), grids.ids_by_area(stored, size[0], size[1])


def _vary_colors(
    image: tf.Tensor, gain_seed: tf.Tensor, shift_seed: tf.Tensor, strength: float
) -> tf.Tensor:
    """Multiplies contrast and shifts brightness, for all channels and a bit for each alone."""
    gain = 1 + strength * (
        _uniform(gain_seed, -1.0, 1.0)
        + 0.3 * tf.random.stateless_uniform(image.shape[2:], shift_seed, -1.0, 1.0)
    )
    shift = 128 * strength * tf.random.stateless_uniform([], shift_seed + 1, -1.0, 1.0)
    image = tf.cast(image, tf.float32)
    mean = tf.reduce_mean(image, axis=(0, 1))
    return image * gain + (mean * (1 - gain) + shift)
