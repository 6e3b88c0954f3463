"""Picture files to pixels inside a graph, checked as `data.pictures` checks them outside."""

from collections.abc import Sequence

import tensorflow as tf

from affinity_seg.data.pictures import MAX_PIXELS, MIN_PIXELS

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_PNG_SIZE_AT = 16
"""Where a PNG's header has width and height, 4 bytes each, the highest first."""


def decode(content: tf.Tensor, where: Sequence[str | tf.Tensor]) -> tf.Tensor:
    """Decodes a PNG or JPEG file.

    EXIF data is not looked at: pixels come as they are stored.

    Args:
      content: Bytes of the file, a string scalar.
      where: What it is, for messages.

    Returns:
      uint8 RGB [H, W, 3].

    Raises:
      tf.errors.InvalidArgumentError: As `check`, or it is damaged or cut off.
    """
    image = tf.io.decode_image(check(content, where), channels=3, expand_animations=False)
    return tf.ensure_shape(image, [None, None, 3])


def check(content: tf.Tensor, where: Sequence[str | tf.Tensor]) -> tf.Tensor:
    """Returns a PNG or JPEG file, a string scalar, if its header claims a size that is allowed.

    Args:
      content: Bytes of the file.
      where: What it is, for messages.

    Raises:
      tf.errors.InvalidArgumentError: It is no PNG or JPEG file, or its header claims less than
        `MIN_PIXELS` or more than `MAX_PIXELS` pixels.
    """
    is_png = tf.equal(tf.strings.substr(content, 0, len(_PNG)), _PNG)
    is_jpeg = tf.equal(tf.strings.substr(content, 0, len(_JPEG)), _JPEG)
    length = tf.strings.length(content)
    known = tf.debugging.Assert(
        is_png | is_jpeg, ["not a PNG or JPEG file:", *where, "bytes", length]
    )
    with tf.control_dependencies([known]):
        size = tf.cond(is_png, lambda: _png_size(content), lambda: _jpeg_size(content))
    with tf.control_dependencies([check_size(size, where)]):
        return tf.identity(content)


def check_size(size: tf.Tensor, where: Sequence[str | tf.Tensor]) -> tf.Operation:
    """Asserts that an image of `size`, [height, width], has as many pixels as it may."""
    area = tf.reduce_prod(tf.cast(size, tf.int64))
    return tf.debugging.Assert(
        (area >= MIN_PIXELS) & (area <= MAX_PIXELS),
        [f"must have {MIN_PIXELS} to {MAX_PIXELS} pixels:", *where, "[height width]", size],
    )


def _png_size(content: tf.Tensor) -> tf.Tensor:
    """Returns height and width that the header has, int64 [2]; zeros where it is cut off."""
    whole = tf.strings.join([content, b"\0" * (_PNG_SIZE_AT + 8)])
    header = tf.io.decode_raw(tf.strings.substr(whole, _PNG_SIZE_AT, 8), tf.uint8)
    parts = tf.cast(tf.reshape(header, [2, 4]), tf.int64)
    return tf.reduce_sum(parts * [1 << 24, 1 << 16, 1 << 8, 1], axis=1)[::-1]


def _jpeg_size(content: tf.Tensor) -> tf.Tensor:
    """Returns height and width that the header has, int64 [2]."""
    return tf.cast(tf.image.extract_jpeg_shape(content), tf.int64)[:2]
