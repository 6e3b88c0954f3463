"""Decodes pictures inside a graph, as `pictures` does outside of one."""

from collections.abc import Sequence

import tensorflow as tf

from affinity_seg.data import exif, picture_files, picture_headers


def decode(content: tf.Tensor, where: Sequence[str | tf.Tensor]) -> tf.Tensor:
    """Decodes a picture inside a graph, turned and mirrored by its EXIF orientation.

    Args:
      content: Bytes of the file, of one of `picture_files.FORMATS`, a string scalar.
      where: Name of the picture, for messages.

    Returns:
      uint8 RGB [H, W, 3].

    Raises:
      tf.errors.InvalidArgumentError: It is of another format, damaged or cut off, or its header
        claims less than `picture_headers.MIN_PIXELS` pixels or more than
        `picture_headers.MAX_PIXELS`.
    """
    header = picture_files.read_header(content)
    text = tf.gather([f"{fault}:" for fault in picture_files.faults()], header.fault)
    fine = tf.debugging.Assert(
        tf.equal(header.fault, 0), [text, *where, "bytes", tf.strings.length(content)]
    )
    with tf.control_dependencies([fine]):
        size = tf.identity(header.size)
    with tf.control_dependencies([check_size(size, where)]):
        content = tf.identity(content)
    orientation = picture_files.read_orientation(content, header)
    image = exif.turn(picture_files.decode_stored(content), orientation)
    return tf.ensure_shape(image, [None, None, 3])


def check_size(size: tf.Tensor, where: Sequence[str | tf.Tensor]) -> tf.Operation:
    """Asserts that the number of pixels of an image of `size`, [height, width], is allowed."""
    area = tf.reduce_prod(tf.cast(size, tf.int64))
    return tf.debugging.Assert(
        (area >= picture_headers.MIN_PIXELS) & (area <= picture_headers.MAX_PIXELS),
        [f"{picture_headers.ALLOWED_SIZE}:", *where, "[height width]", size],
    )
