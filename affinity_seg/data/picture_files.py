"""Reads picture files with TensorFlow ops, in a graph or eagerly.

This module defines the formats that can be read. `pictures` turns its faults into errors.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from affinity_seg.data import bit_depth, exif, tiff_opening

FORMATS = ("PNG", "JPEG", "BMP")
"""The formats that programs and graphs read; `pictures` adds those that programs read alone."""

_PNG, _JPEG, _BMP = range(len(FORMATS))

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
"""First bytes of a PNG file."""

_MAGIC = (
    (PNG_MAGIC, _PNG),
    (b"\xff\xd8\xff", _JPEG),
    (b"BM", _BMP),
)
"""First bytes of a file of each format."""

_FOREIGN = ((b"GIF8", "GIF"), *((magic, "TIFF") for magic in tiff_opening.MAGIC), (b"RIFF", "WebP"))
"""Formats that are not read here, by their first bytes, with their names for the message."""

_FINE, _DAMAGED, _KIND_OF_BMP, _UNKNOWN = range(4)

_FAULTS = (
    "",
    "the file is damaged or cut off",
    "a BMP file must have 8, 24 or 32 bits for each pixel and no compression",
    "not a {formats} file",
    *(f"not a {{formats}} file but {name}" for _, name in _FOREIGN),
)

_IHDR = b"\0\0\0\x0dIHDR"
_PNG_BITS = 24
_PNG_HEADER_END = 33
_BMP_HEADER_END = 54
_BMP_INFO = 14
_BMP_MIN_INFO = 40
_BMP_BITFIELDS = 3
_BMP_MASKS = (0xFF0000, 0xFF00, 0xFF)

ORIENTATIONS = {
    _PNG: (exif.PNG_MARK, exif.png_orientation),
    _JPEG: (exif.JPEG_MARK, exif.jpeg_orientation),
}
"""For the formats that have EXIF data, by index in `FORMATS`: its mark, and what reads it."""


class Header(NamedTuple):
    """The header of a picture file.

    Attributes:
      format: int32, index in `FORMATS`; -1 for any other format.
      size: int64 [2], height and width as stored, pixels; zeros if `fault` is not 0.
      fault: int32, index in `faults()`; 0 if the header is valid.
    """

    format: tf.Tensor
    size: tf.Tensor
    fault: tf.Tensor


def faults(formats: Sequence[str] = FORMATS) -> list[str]:
    """Returns the messages for all faults that are found before pixels are decoded.

    Args:
      formats: The formats that are allowed, some of `FORMATS`.
    """
    *others, last = formats
    names = f"{', '.join(others)} or {last}" if others else last
    return [fault.format(formats=names) for fault in _FAULTS]


def read_header(content: tf.Tensor) -> Header:
    """Reads the header of a picture file.

    Args:
      content: Bytes of the file, a string scalar.

    Raises:
      tf.errors.InvalidArgumentError: It is a JPEG file whose header is damaged or truncated.
    """
    with tf.device("CPU"):
        return _read_header(content)


def _read_header(content: tf.Tensor) -> Header:
    found = tf.constant(-1)
    for magic, kind in _MAGIC:
        found = tf.where(_begins(content, magic), kind, found)
    readers = {_PNG: _read_png, _JPEG: _read_jpeg, _BMP: _read_bmp}
    branches = {kind: lambda kind=kind: readers[kind](content) for kind in readers}
    size, fault = tf.switch_case(found, branches, default=lambda: _read_unknown(content))
    return Header(found, tf.where(tf.equal(fault, _FINE), size, tf.zeros_like(size)), fault)


def read_orientation(content: tf.Tensor, header: Header) -> tf.Tensor:
    """Returns the EXIF orientation of a picture, int64 in [1, 8]; 1: shown as it is stored.

    Args:
      content: Bytes of the file, a string scalar.
      header: The result of `read_header`.
    """
    branches = {kind: lambda read=read: read(content) for kind, (_, read) in ORIENTATIONS.items()}
    with tf.device("CPU"):
        return tf.switch_case(
            header.format, branches, default=lambda: tf.constant(exif.UPRIGHT, tf.int64)
        )


def decode_stored(content: tf.Tensor) -> tf.Tensor:
    """Decodes a picture as it is stored; apply `exif.turn` to get it as it is shown.

    Grey is copied to the three channels, alpha is ignored, and 16 bits become 8 as `bit_depth`
    says. It works in graphs, where the number of bits must not decide the type.

    Args:
      content: Bytes of a file with a valid header, a string scalar.

    Returns:
      uint8 RGB [H, W, 3].

    Raises:
      tf.errors.InvalidArgumentError: The file is damaged or cut off.
    """
    image = tf.cond(
        _has_16_bits(content),
        lambda: bit_depth.stretch(_decode_16_bits(content)),
        lambda: _decode_8_bits(content),
    )
    return tf.ensure_shape(image, [None, None, 3])


def decode_values(content: bytes) -> np.ndarray:
    """Decodes a picture like `decode_stored`, but with all of its bits; eager only.

    Returns:
      uint8 or uint16 RGB [H, W, 3].
    """
    file = tf.constant(content)
    return (_decode_16_bits(file) if _has_16_bits(file) else _decode_8_bits(file)).numpy()


def _decode_8_bits(content: tf.Tensor) -> tf.Tensor:
    image = tf.io.decode_image(content, channels=len("RGB"), expand_animations=False)
    return tf.cond(_begins(content, b"BM"), lambda: _colored(image, content), lambda: image)


def _decode_16_bits(content: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_png(content, channels=len("RGB"), dtype=tf.uint16)


def _has_16_bits(content: tf.Tensor) -> tf.Tensor:
    """Returns whether a file with a valid header is a PNG file of 16 bits."""
    bits = exif.read_bytes(content, _PNG_BITS, 1)[0]
    return _begins(content, PNG_MAGIC) & tf.equal(bits, 16)


def _begins(content: tf.Tensor, magic: bytes) -> tf.Tensor:
    return tf.equal(tf.strings.substr(content, 0, len(magic)), magic)


def _read_unknown(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns zeros for height and width, and the fault."""
    fault = tf.constant(_UNKNOWN)
    for index, (magic, _) in enumerate(_FOREIGN):
        fault = tf.where(_begins(content, magic), _UNKNOWN + 1 + index, fault)
    return tf.zeros([2], tf.int64), fault


def _read_png(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns height and width, and what is wrong."""
    header = exif.read_bytes(content, 8, 16)
    is_whole = exif.length(content) >= _PNG_HEADER_END
    is_whole &= tf.reduce_all(tf.equal(header[:8], list(_IHDR)))
    size = exif.number(tf.reshape(header[8:], [2, 4]))
    return tf.reverse(size, [0]), tf.where(is_whole, _FINE, _DAMAGED)


def _read_jpeg(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns height and width, and what is wrong."""
    return tf.image.extract_jpeg_shape(content, tf.int64)[:2], tf.constant(_FINE)


def _read_bmp(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns height and width, and the fault; a negative height means rows from top to bottom."""
    header = exif.read_bytes(content, 0, _BMP_HEADER_END + 12)
    little = {
        name: exif.number(header[place : place + width], True)
        for name, (place, width) in {
            "info": (14, 4), "width": (18, 4), "height": (22, 4), "compression": (30, 4),
        }.items()
    }  # fmt: skip
    bits = _bmp_bits(content)
    masks = exif.number(tf.reshape(header[_BMP_HEADER_END:], [3, 4]), True)
    is_plain = tf.equal(little["compression"], 0) & tf.reduce_any(tf.equal(bits, [8, 24, 32]))
    has_masks = tf.equal(little["compression"], _BMP_BITFIELDS) & tf.equal(bits, 32)
    has_masks &= tf.reduce_all(tf.equal(masks, _BMP_MASKS))
    is_known = (is_plain | has_masks) & (little["info"] >= _BMP_MIN_INFO)
    size = tf.stack([little["height"], little["width"]])
    signed = tf.where(size >= 1 << 31, size - (1 << 32), size)
    is_whole = (exif.length(content) >= _BMP_HEADER_END) & (signed[1] >= 0)
    fault = tf.where(is_whole, tf.where(is_known, _FINE, _KIND_OF_BMP), _DAMAGED)
    return tf.abs(signed), fault


def _bmp_bits(content: tf.Tensor) -> tf.Tensor:
    return exif.number(exif.read_bytes(content, 28, 2), True)


def _colored(image: tf.Tensor, content: tf.Tensor) -> tf.Tensor:
    """Returns a decoded BMP file in its colours: TensorFlow decodes palette indices as grey."""
    return tf.cond(
        tf.equal(_bmp_bits(content), 8),
        lambda: tf.gather(_bmp_palette(content), tf.cast(image[..., 0], tf.int32)),
        lambda: image,
    )


def _bmp_palette(content: tf.Tensor) -> tf.Tensor:
    """Returns the palette of a BMP file, uint8 RGB [256, 3]; arbitrary after its last colour."""
    start = _BMP_INFO + exif.number(exif.read_bytes(content, _BMP_INFO, 4), True)
    colors = tf.reshape(exif.read_bytes(content, start, 4 * 256), [256, 4])
    return tf.cast(tf.reverse(colors[:, :3], [1]), tf.uint8)
