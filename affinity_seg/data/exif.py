"""Reads the EXIF orientation of a picture with TensorFlow ops, in a graph or eagerly.

The work is bounded for any input, and no input is an error: if the EXIF data is missing, damaged
or truncated, the picture is used as it is stored.
"""

from collections.abc import Callable

import tensorflow as tf

UPRIGHT = 1
"""The orientation of a picture whose pixels are stored as they are shown."""

_TAG = 0x0112
_LAST = 8
_SHORT, _LONG = 3, 4
_ENTRY = 12
JPEG_MARK = b"Exif\0\0"
PNG_MARK = b"eXIf"
"""Bytes that stand in every file with EXIF data."""

_MAX_PARTS = 2**15
"""Largest number of segments or chunks that are read; libpng cuts 2**28 bytes into as many."""

_Part = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]
"""Takes the first 10 bytes of a segment or chunk and the marker before it. Returns whether it has
EXIF data; where that begins and how long it is, int64 [2]; and how far it is to the next one, 0 if
nothing more is to be looked at."""


def jpeg_orientation(content: tf.Tensor) -> tf.Tensor:
    """Returns the EXIF orientation of a JPEG file, int64 in [1, 8]; 1 if it has none.

    It is read from the first segment APP1 that begins with "Exif", anywhere before the pixels.

    Args:
      content: Bytes of the file, a string scalar.
    """
    return _orientation(_find(content, 2, _jpeg_segment))


def png_orientation(content: tf.Tensor) -> tf.Tensor:
    """Returns the EXIF orientation of a PNG file, int64 in [1, 8]; 1 if it has none.

    It is read from the first chunk eXIf, before or after the pixels, without checking its checksum.

    Args:
      content: Bytes of the file, a string scalar.
    """
    return _orientation(_find(content, 8, _png_chunk))


def turn(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns and mirrors a picture by its EXIF orientation.

    Args:
      image: [H, W, C], as it is stored.
      orientation: int64 in [1, 8].

    Returns:
      The picture as it is shown: [H, W, C], from orientation 5 on [W, H, C].
    """
    for orientations, change in (
        ((5, 6, 7, 8), lambda pixels: tf.transpose(pixels, [1, 0, 2])),
        ((2, 3, 6, 7), lambda pixels: tf.reverse(pixels, [1])),
        ((3, 4, 7, 8), lambda pixels: tf.reverse(pixels, [0])),
    ):
        wanted = tf.reduce_any(tf.equal(orientation, orientations))
        image = tf.cond(
            wanted, lambda image=image, change=change: change(image), lambda image=image: image
        )
    return image


def turned_size(size: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Returns the height and width, [2], that `turn` gives a stored picture of `size`, [2]."""
    return tf.where(orientation >= 5, tf.reverse(size, [0]), size)


def read_bytes(content: tf.Tensor, at: tf.Tensor | int, count: int) -> tf.Tensor:
    """Returns `count` bytes of a string from index `at` on, int64; zeros after its end."""
    at = tf.minimum(tf.cast(at, tf.int64), length(content))
    part = tf.strings.substr(content, at, tf.constant(count, tf.int64))
    found = tf.io.decode_raw(part, tf.uint8, fixed_length=count)
    return tf.cast(tf.ensure_shape(found, [count]), tf.int64)


def number(data: tf.Tensor, is_little: tf.Tensor | bool = False) -> tf.Tensor:
    """Returns the unsigned numbers in bytes [..., n], int64 [...].

    Args:
      data: int64, at most 4 bytes each.
      is_little: Whether the lowest byte comes first.
    """
    ordered = tf.where(is_little, data, tf.reverse(data, [-1]))
    return tf.reduce_sum(ordered * [1 << 8 * i for i in range(data.shape[-1])], axis=-1)


def length(content: tf.Tensor) -> tf.Tensor:
    """Returns how many bytes a string has, int64."""
    return tf.cast(tf.strings.length(content), tf.int64)


def _find(content: tf.Tensor, start: int, part: _Part) -> tf.Tensor:
    """Returns the EXIF data of a file, a string scalar, "" if it has none.

    Args:
      content: Bytes of the file.
      start: Where its first segment or chunk begins.
      part: Reads one.
    """
    end = length(content)

    def step(at: tf.Tensor, begin: tf.Tensor, size: tf.Tensor) -> tuple[tf.Tensor, ...]:
        has_exif, place, distance = part(read_bytes(content, at, 10))
        begin = tf.where(has_exif, at + place[0], begin)
        size = tf.where(has_exif, place[1], size)
        return tf.where(has_exif | tf.equal(distance, 0), end, at + distance), begin, size

    zero = tf.constant(0, tf.int64)
    _, begin, size = tf.while_loop(
        lambda at, begin, size: at < end,
        step,
        [tf.constant(start, tf.int64), zero, zero],
        parallel_iterations=1,
        maximum_iterations=_MAX_PARTS,
    )
    return tf.strings.substr(content, tf.minimum(begin, end), size)


def _jpeg_segment(head: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    marker, size = head[1], number(head[2:4])
    is_marker = tf.equal(head[0], 0xFF)
    marked = tf.reduce_all(tf.equal(head[4:10], list(JPEG_MARK)))
    has_exif = is_marker & tf.equal(marker, 0xE1) & (size >= 2 + len(JPEG_MARK)) & marked
    is_fill = tf.equal(marker, 0xFF)
    is_alone = tf.equal(marker, 0x01) | ((marker >= 0xD0) & (marker <= 0xD8))
    # The pixels or the end of the file come next, or the bytes are not a segment.
    is_last = tf.equal(marker, 0) | tf.equal(marker, 0xD9) | tf.equal(marker, 0xDA) | (size < 2)
    distance = tf.where(is_last, tf.zeros_like(size), 2 + size)
    distance = tf.where(is_alone, tf.constant(2, tf.int64), distance)
    distance = tf.where(is_fill, tf.constant(1, tf.int64), distance)
    distance = tf.where(is_marker, distance, tf.zeros_like(size))
    payload = tf.stack([tf.constant(10, tf.int64), size - 2 - len(JPEG_MARK)])
    return has_exif, payload, distance


def _png_chunk(head: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    size, kind = number(head[:4]), head[4:8]
    is_last = tf.reduce_all(tf.equal(kind, list(b"IEND")))
    distance = tf.where(is_last, tf.zeros_like(size), 12 + size)
    has_exif = tf.reduce_all(tf.equal(kind, list(PNG_MARK)))
    return has_exif, tf.stack([tf.constant(8, tf.int64), size]), distance


def _orientation(exif: tf.Tensor) -> tf.Tensor:
    """Returns the orientation in EXIF data, which is a TIFF file: the last of its first list."""
    head = read_bytes(exif, 0, 8)
    is_little = tf.reduce_all(tf.equal(head[:4], list(b"II*\0")))
    is_big = tf.reduce_all(tf.equal(head[:4], list(b"MM\0*")))
    place = number(head[4:8], is_little)
    count = number(read_bytes(exif, place, 2), is_little)
    count = tf.clip_by_value((length(exif) - place - 2) // _ENTRY, 0, count)
    count = tf.where(is_little | is_big, count, tf.zeros_like(count))
    listed = tf.strings.substr(exif, tf.minimum(place + 2, length(exif)), count * _ENTRY)
    entries = tf.reshape(tf.io.decode_raw(listed, tf.uint8), [-1, _ENTRY])
    entries = tf.cast(entries, tf.int64)
    tag, kind, amount = (
        number(entries[:, low:high], is_little) for low, high in ((0, 2), (2, 4), (4, 8))
    )
    is_short, is_long = tf.equal(kind, _SHORT), tf.equal(kind, _LONG)
    short, long = (number(entries[:, 8 : 8 + width], is_little) for width in (2, 4))
    value = tf.where(is_short, short, long)
    found = tf.boolean_mask(value, (is_short | is_long) & tf.equal(tag, _TAG) & tf.equal(amount, 1))
    last = tf.concat([tf.constant([UPRIGHT], tf.int64), found], axis=0)[-1]
    return tf.where((last >= UPRIGHT) & (last <= _LAST), last, tf.constant(UPRIGHT, tf.int64))
