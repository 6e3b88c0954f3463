"""Reads TIFF files with tifffile: channels and pixels of the page that `tiff_planes` finds.

`pictures` checks sizes and maps the pixels to 8 bits. `tiff_windows` reads large pages in parts.
tifffile is imported when a file is read, because most programs read none.
"""

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from affinity_seg.data import tiff_planes
from affinity_seg.data.plane_choice import PlaneChoice
from affinity_seg.data.tiff_opening import UnusableError, opened
from affinity_seg.data.tiff_planes import Plane, TiffHeader

if TYPE_CHECKING:
    import tifffile

MAX_BYTES = 2**31
"""Most bytes that are decoded for a picture, of all its channels."""

_RGB = 3
_ALPHA = (1, 2)
"""Kinds of a further sample that are alpha: associated and unassociated."""


def read_header(content: bytes, choice: PlaneChoice) -> TiffHeader:
    """Reads the header of the page that is chosen.

    Args:
      content: Bytes of the file.
      choice: The page; there must be only one if none is chosen.

    Raises:
      ValueError: The file is damaged or holds no picture, or the page does not exist or must be
        chosen. The message does not name the file.
    """
    with opened(io.BytesIO(content)) as file:
        return tiff_planes.header(tiff_planes.find(file, choice))


def count_pages(content: bytes) -> int:
    """Returns the number of pages of a file, among which `PlaneChoice.page` chooses.

    Raises:
      ValueError: The file is damaged. The message does not name the file.
    """
    with opened(io.BytesIO(content)) as file:
        return tiff_planes.count(file)


def decode(content: bytes, choice: PlaneChoice) -> np.ndarray:
    """Decodes a page.

    Args:
      content: Bytes of the file.
      choice: The page; there must be only one if none is chosen. Without channels, the page must
        be grey or RGB.

    Returns:
      [H, W, C] in the type of the file: if channels are chosen, all from which
      `PlaneChoice.take` takes them, else 1, or 3 for RGB, without alpha.

    Raises:
      ValueError: As `read_header`, or pixels or colours are stored in a way that is not read.
    """
    with opened(io.BytesIO(content)) as file:
        plane = tiff_planes.find(file, choice)
        return to_picture(_read(plane, content), plane, choice)


def decode_numbers(content: bytes, choice: PlaneChoice) -> np.ndarray:
    """Decodes a page as the numbers that the file stores, without its palette.

    Args:
      content: Bytes of the file.
      choice: The page; there must be only one if none is chosen.

    Returns:
      [H, W, C] in the type of the file, with all channels; uint8 of 0 and 1 for 1 bit.

    Raises:
      ValueError: As `decode`, or white is stored as 0.
    """
    with opened(io.BytesIO(content)) as file:
        plane = tiff_planes.find(file, choice)
        if plane.page.photometric.name == "MINISWHITE":
            raise UnusableError("a TIFF file of numbers must have black as its least value")
        pixels = _with_channels(_read(plane, content), plane.axes)
        return pixels.astype(np.uint8) if pixels.dtype == bool else pixels


def to_picture(pixels: np.ndarray, plane: Plane, choice: PlaneChoice) -> np.ndarray:
    """Returns a page, or a part of it: all channels if some are chosen; else without alpha.

    Args:
      pixels: The pixels as they are stored, with axes `plane.axes`.
      plane: The page.
      choice: As of `decode`.

    Returns:
      [H, W, C] in the type of the file.

    Raises:
      ValueError: The channels must be chosen, or the colours are stored in a way that is not read.
    """
    page = plane.page
    pixels, alpha = _in_colours(_with_channels(pixels, plane.axes), page)
    count = pixels.shape[-1]
    if choice.channels is not None:
        return pixels
    is_rgb = page.photometric.name in ("RGB", "PALETTE", "YCBCR") and "C" not in plane.axes
    wanted = _RGB if is_rgb else 1
    if count - alpha != wanted:
        raise UnusableError(
            f"the TIFF file has {count} channels that are not grey or RGB; choose one of 1 to "
            f"{count}, or three for red, green and blue, with `--channels` (in Python `channels`)"
        )
    if is_rgb and plane.axes == "SYX" and page.is_shaped:
        # tifffile calls an array of three planes RGB if its caller does not say what they are.
        raise UnusableError(
            "the TIFF file was written by tifffile as three planes, which may be colours, channels "
            "or slices; choose with `--channels` (in Python `channels`): 1,2,3 for red, green and "
            "blue, or one of them; or write it with `photometric='minisblack'`, or as colours with "
            "`metadata=None`"
        )
    return pixels[..., :wanted]


def _read(plane: Plane, content: bytes) -> np.ndarray:
    """Returns the pixels of the chosen page, with axes `plane.axes`."""
    series, page = plane.series, plane.page
    if page.compression.name == "LZW" and not _has_codec(page):
        return _read_lzw(plane, content)
    check_codec(page)
    pages = tiff_planes.pages_of(plane)
    if pages is None:
        _check_bytes(series.shape, series.dtype)
        return series.asarray()[plane.index]
    _check_bytes((*pages.shape, *page.shape), series.dtype)
    pixels = np.stack([one.asarray() for one in pages.ravel()])
    return pixels.reshape(*pages.shape, *page.shape)


def _check_bytes(shape: Sequence[int], dtype: np.dtype) -> None:
    """Raises ValueError if pixels of this shape are too many to be decoded together."""
    size = math.prod(shape) * dtype.itemsize
    if size > MAX_BYTES:
        raise UnusableError(
            f"the TIFF file's page has {size} bytes, or can only be read together with others that "
            f"have as many; at most {MAX_BYTES} are decoded; store the wanted page and channels "
            "alone"
        )


def check_codec(page: "tifffile.TiffPage") -> None:
    """Raises ValueError unless tifffile can read the compression of a page."""
    if not _has_codec(page):
        raise UnusableError(
            f"the TIFF file's compression {page.compression.name} needs the package imagecodecs "
            "(`pip install imagecodecs`); or store it with deflate or without compression"
        )


def _has_codec(page: "tifffile.TiffPage") -> bool:
    import tifffile

    try:
        tifffile.TIFF.DECOMPRESSORS[page.compression]
    except KeyError:
        return page.compression == 1
    return True


def _read_lzw(plane: Plane, content: bytes) -> np.ndarray:
    """Returns the pixels of a file with one page by OpenCV: tifffile alone cannot read LZW."""
    page = plane.page
    is_simple = page.photometric.name in ("MINISBLACK", "RGB") and plane.axes in ("YX", "YXS")
    if len(plane.series) > 1 or page.index or not is_simple:
        raise UnusableError(
            "the TIFF file's compression LZW is read for a single grey or RGB page only, else it "
            "needs the package imagecodecs (`pip install imagecodecs`); or store it with deflate "
            "or without compression"
        )
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape != page.shape:
        raise UnusableError(f"the file is damaged or cut off, {len(content)} bytes")
    return pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]


def _with_channels(pixels: np.ndarray, axes: str) -> np.ndarray:
    """Returns [H, W, C]; samples of several channels follow each other."""
    for axis in "CS":
        if axis not in axes:
            pixels, axes = pixels[..., None], axes + axis
    pixels = np.moveaxis(pixels, [axes.index(axis) for axis in "YXCS"], range(4))
    return pixels.reshape(*pixels.shape[:2], -1)


def _in_colours(pixels: np.ndarray, page: "tifffile.TiffPage") -> tuple[np.ndarray, int]:
    """Returns pixels with the colours of a palette, 0 as black, and the number of alpha channels.

    Raises:
      ValueError: The colours are neither grey nor RGB.
    """
    kind = page.photometric.name
    if page.bitspersample == 1:
        pixels = np.where(pixels, 255, 0).astype(np.uint8)
    if kind == "PALETTE" and page.colormap is not None:
        return (page.colormap >> 8).astype(np.uint8).T[pixels[..., 0]], 0
    if kind == "MINISWHITE":
        if pixels.dtype.kind == "f":
            raise UnusableError("a TIFF file of real numbers must have black as its least value")
        return (~pixels if pixels.dtype.kind in "ub" else -1 - pixels), 0
    # JPEG's own colours are decoded to RGB.
    if kind not in ("MINISBLACK", "RGB") and not (
        kind == "YCBCR" and page.compression.name == "JPEG"
    ):
        raise UnusableError(
            f"the TIFF file's colours must be grey, RGB or a palette: {kind}; convert it, e.g. "
            "with `magick in.tif -colorspace sRGB out.tif`"
        )
    return pixels, int(bool(page.extrasamples) and page.extrasamples[-1] in _ALPHA)
