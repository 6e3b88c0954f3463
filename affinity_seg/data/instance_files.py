"""Instance images from their files: the one reader of training, evaluation and pictures."""

import io
import struct

import cv2
import numpy as np
import PIL.Image

from affinity_seg.data import pictures

_BITS_AT, _COLOR_TYPE_AT = 24, 25
"""Where a PNG's header has the bits of a sample, and what the samples are."""

_CHUNKS_AT, _CHUNK_FRAME = 8, 12
"""Where the chunks of a PNG begin, and what each has beside its data: size, kind and checksum."""

_GRAY, _PALETTE = 0, 3
"""Color types of PNG with one sample for each pixel."""

_CHANNELS = {2: "three channels, RGB", 4: "two channels, grey and alpha", 6: "four channels, RGBA"}


def read_bytes(path: str) -> bytes:
    """Returns the bytes of a file."""
    with open(path, "rb") as file:
        return file.read()


def decode(path: str, content: bytes) -> np.ndarray:
    """Returns the numbers that a PNG stores for its pixels.

    Of a palette these are the indices, whatever the colours. Samples of 1, 2 or 4 bits are not
    stretched to 8: 1 is 1.

    Args:
      path: Where it was read, for messages.
      content: Bytes of the file.

    Returns:
      uint8 or uint16 [H, W].

    Raises:
      ValueError: The file is no PNG, is damaged or cut off, or has several channels.
    """
    pictures.check_header(path, content, ("PNG",))
    bits, color_type = content[_BITS_AT], content[_COLOR_TYPE_AT]
    stored = None
    if _has_end(content):  # OpenCV fills what is missing of a file that was cut off.
        stored = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None:
        raise ValueError(f"{path}: the file is damaged or cut off, {len(content)} bytes")
    if color_type == _PALETTE:
        # OpenCV has seen that the file is whole, but gives colours. Pillow gives the indices.
        with PIL.Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            return np.asarray(image, np.uint8)
    if color_type != _GRAY:
        raise ValueError(
            f"{path}: an instance image must have one channel of 8 or 16 bits, or a palette: "
            f"{_CHANNELS.get(color_type, color_type)}{_hint(stored)}"
        )
    if bits < 8:
        return stored // (255 // (2**bits - 1))  # OpenCV has stretched them.
    return stored


def _has_end(content: bytes) -> bool:
    """Returns whether the chunks of a PNG lead to its last one, whatever stands behind that."""
    at = _CHUNKS_AT
    while at + _CHUNK_FRAME <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        if kind == b"IEND":
            return True
        at += _CHUNK_FRAME + size
    return False


def _hint(stored: np.ndarray) -> str:
    """Returns what to do with the channels of an image, uint8 or uint16 [H, W, 3 or 4]."""
    colors = stored[..., :3].reshape(-1, 3)
    if (colors == colors[:, :1]).all():
        return "; all colours are grey: save the values as one channel"
    count = len(np.unique(colors, axis=0))
    return f"; {count} colours: save a number for each object instead of a colour"
