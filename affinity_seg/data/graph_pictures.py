"""Picture files to pixels inside a graph, checked as `data.pictures` checks them outside."""

from collections.abc import Sequence

import tensorflow as tf

from affinity_seg.data import exif, picture_files
from affinity_seg.data.picture_files import Header
from affinity_seg.data.pictures import ALLOWED_SIZE, MAX_PIXELS, MIN_PIXELS


def decode(content: tf.Tensor, where: Sequence[str | tf.Tensor]) -> tf.Tensor:
    """Decodes a picture as it is shown: turned and mirrored as its EXIF data says.

    Args:
      content: Bytes of the file, of one of `picture_files.FORMATS`, a string scalar.
      where: What it is, for messages.

    Returns:
      uint8 RGB [H, W, 3].

    Raises:
      tf.errors.InvalidArgumentError: It is of another format, damaged or cut off, or its header
        claims less than `MIN_PIXELS` or more than `MAX_PIXELS` pixels.
    """
    content, header = _checked(content, where)
    orientation = picture_files.read_orientation(content, header)
    image = exif.turn(picture_files.decode_stored(content), orientation)
    return tf.ensure_shape(image, [None, None, 3])


def check_size(size: tf.Tensor, where: Sequence[str | tf.Tensor]) -> tf.Operation:
    """Asserts that an image of `size`, [height, width], has as many pixels as it may."""
    area = tf.reduce_prod(tf.cast(size, tf.int64))
    return tf.debugging.Assert(
        (area >= MIN_PIXELS) & (area <= MAX_PIXELS),
        [f"{ALLOWED_SIZE}:", *where, "[height width]", size],
    )


def _checked(content: tf.Tensor, where: Sequence[str | tf.Tensor]) -> tuple[tf.Tensor, Header]:
    """Returns a file, and what it says of itself if that is allowed."""
    header = picture_files.read_header(content)
    text = tf.gather([f"{fault}:" for fault in picture_files.faults()], header.fault)
    fine = tf.debugging.Assert(
        tf.equal(header.fault, 0), [text, *where, "bytes", tf.strings.length(content)]
    )
    with tf.control_dependencies([fine]):
        size = tf.identity(header.size)
    with tf.control_dependencies([check_size(size, where)]):
        return tf.identity(content), header
