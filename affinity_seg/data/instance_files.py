"""Reads instance images from files, for training, evaluation and pictures."""

import io
import struct

import cv2
import numpy as np
import PIL.Image

from affinity_seg.data import (
    picture_files,
    picture_headers,
    plane_choice,
    tiff_files,
    tiff_opening,
)
from affinity_seg.data.plane_choice import PlaneChoice

_BITS_AT, _COLOR_TYPE_AT = 24, 25
"""Offsets of the bit depth and of the color type in a PNG's header."""

_CHUNKS_AT, _CHUNK_FRAME = 8, 12
"""Offset of the first chunk of a PNG, and bytes of a chunk without its data: size, type, checksum.
"""

_GRAY, _PALETTE = 0, 3
"""Color types of PNG with one sample for each pixel."""

MAX_ID = 2**31 - 1
"""Largest number of a pixel."""

_CHANNELS = {2: "three channels, RGB", 4: "two channels, grey and alpha", 6: "four channels, RGBA"}


def read(path: str, choice: PlaneChoice = plane_choice.ALL) -> np.ndarray:
    """Returns what `decode` does of a file; raises FileNotFoundError if there is none."""
    with open(path, "rb") as file:
        return decode(path, file.read(), choice)


def decode(path: str, content: bytes, choice: PlaneChoice = plane_choice.ALL) -> np.ndarray:
    """Returns the numbers that a PNG or TIFF file stores for its pixels.

    With a palette these are its indices, not its colours. Samples of 1, 2 or 4 bits keep their
    value: 1 stays 1. Real numbers, as ImageJ stores ids, must be whole.

    Args:
      path: The file, for messages.
      content: Bytes of the file.
      choice: That of the image. Its page is also that of a TIFF file with several pages; a file
        with a single page belongs to whatever page of the image is chosen.

    Returns:
      uint8 or uint16 [H, W]; int32 if a number is larger.

    Raises:
      ValueError: The file is of another format, is damaged or truncated, has several channels, or
        several pages of which none is chosen, or its numbers are negative, above `MAX_ID` or not
        whole.
    """
    page = _page_of(path, content, choice)
    picture_headers.check_header(path, content, ("PNG", "TIFF"), choice=page)
    if content.startswith(picture_files.PNG_MAGIC):
        return _decode_png(path, content)
    try:
        stored = tiff_files.decode_numbers(content, page)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    count = stored.shape[2]
    if count > 1:
        hint = _hint(stored) if count in (3, 4) else "; store the one with the ids alone"
        raise ValueError(f"{path}: an instance image must have one channel: {count} channels{hint}")
    return _whole(path, stored[..., 0])


def check_fits(path: str, size: tuple[int, int], image_size: tuple[int, int]) -> None:
    """Raises ValueError unless truth has the size of its image.

    Args:
      path: The file of the truth, for the message.
      size: Its height and width.
      image_size: Those of the image.
    """
    if tuple(size) != tuple(image_size):
        raise ValueError(
            f"{path}: must have the size of its image, {image_size[0]}x{image_size[1]}: "
            f"{size[0]}x{size[1]}"
        )


def _page_of(path: str, content: bytes, choice: PlaneChoice) -> PlaneChoice:
    """Returns the page of truth that belongs to the page of the image."""
    if choice.page is None or not content.startswith(tiff_opening.MAGIC):
        return plane_choice.ALL
    try:
        has_several = tiff_files.count_pages(content) > 1
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return PlaneChoice(choice.page) if has_several else plane_choice.ALL


def _whole(path: str, stored: np.ndarray) -> np.ndarray:
    """Returns numbers of any type in the smallest one of `decode`'s that their type allows."""
    if stored.dtype in (np.uint8, np.uint16):
        return stored
    if stored.dtype.kind not in "iuf":
        raise ValueError(f"{path}: an instance image must have whole numbers: {stored.dtype}")
    if stored.dtype.kind == "f":
        undefined = np.count_nonzero(~np.isfinite(stored))
        if undefined:
            raise ValueError(
                f"{path}: an instance image must have whole numbers: {undefined} of {stored.size} "
                "pixels are NaN or infinite; the background is 0"
            )
        wrong = np.count_nonzero(stored % 1)
        if wrong:
            raise ValueError(
                f"{path}: an instance image must have whole numbers: {wrong} of {stored.size} "
                f"pixels of {stored.dtype} have others; if it was resized, do so by nearest "
                "neighbour; probabilities are no instances"
            )
    least, most = stored.min(), stored.max()
    if least < 0 or most > MAX_ID:
        raise ValueError(
            f"{path}: ids must be in [0, {MAX_ID}]: {int(least)} to {int(most)}; number the "
            "objects from 1, with 0 for the background"
        )
    return stored.astype(np.int32 if most >= 2**16 else np.uint16)


def _decode_png(path: str, content: bytes) -> np.ndarray:
    bits, color_type = content[_BITS_AT], content[_COLOR_TYPE_AT]
    stored = None
    if _has_end(content):  # OpenCV would fill the missing pixels of a truncated file.
        stored = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None:
        raise ValueError(f"{path}: the file is damaged or cut off, {len(content)} bytes")
    if color_type == _PALETTE:
        # OpenCV has checked that the file is complete, but returns colours. Pillow returns indices.
        with PIL.Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            return np.asarray(image, np.uint8)
    if color_type != _GRAY:
        raise ValueError(
            f"{path}: an instance image must have one channel of 8 or 16 bits, or a palette: "
            f"{_CHANNELS.get(color_type, color_type)}{_hint(stored)}"
        )
    if bits < 8:
        return stored // (255 // (2**bits - 1))  # OpenCV stretches the values to 8 bits.
    return stored


def _has_end(content: bytes) -> bool:
    """Returns whether a PNG has all its chunks to the last one; bytes after it are ignored."""
    at = _CHUNKS_AT
    while at + _CHUNK_FRAME <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        if kind == b"IEND":
            return True
        at += _CHUNK_FRAME + size
    return False


def _hint(stored: np.ndarray) -> str:
    """Returns advice on the channels of an image, [H, W, 3 or 4]."""
    colors = stored[..., :3].reshape(-1, 3)
    if (colors == colors[:, :1]).all():
        return "; all colours are grey: save the values as one channel"
    count = len(np.unique(colors, axis=0))
    return f"; {count} colours: save a number for each object instead of a colour"
