"""Reads TIFF files with tifffile: header, page, channels and pixels.

`pictures` checks sizes and maps the pixels to 8 bits. tifffile is imported when a file is read,
because most programs read none.
"""

import io
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import cv2
import numpy as np

from affinity_seg.data import plane_choice
from affinity_seg.data.plane_choice import PlaneChoice

if TYPE_CHECKING:
    import tifffile

MAX_BYTES = 2**31
"""Most bytes that are decoded for a picture, of all its channels."""

Result = TypeVar("Result")

_RGB = 3
_ALPHA = (1, 2)
"""Kinds of a further sample that are alpha: associated and unassociated."""


class TiffHeader(NamedTuple):
    """What is known of a page before its pixels are decoded.

    Attributes:
      height: As stored, pixels.
      width: As stored, pixels.
      orientation: As in EXIF, 1 to 8.
    """

    height: int
    width: int
    orientation: int


class _Plane(NamedTuple):
    """The page that was chosen: an index of the series' axes before the picture's."""

    series: "tifffile.TiffPageSeries"
    page: "tifffile.TiffPage"
    index: tuple[int | slice, ...]
    axes: str


def read_header(content: bytes, choice: PlaneChoice) -> TiffHeader:
    """Reads the header of the page that is chosen.

    Args:
      content: Bytes of the file.
      choice: The page; there must be only one if none is chosen.

    Raises:
      ValueError: The file is damaged or holds no picture, or the page does not exist or must be
        chosen. The message does not name the file.
    """
    return _guarded(lambda file: _header(_find(file, choice)), content)


def decode(content: bytes, choice: PlaneChoice) -> np.ndarray:
    """Decodes a page.

    Args:
      content: Bytes of the file.
      choice: Page and channels; there must be only one page, and the channels of a grey or RGB
        picture, if none are chosen.

    Returns:
      [H, W, C] in the type of the file, C channels: 1, or 3 for RGB. Alpha is left out.

    Raises:
      ValueError: As `read_header`, or pixels or colours are stored in a way that is not read.
    """
    pixels = _guarded(lambda file: _decode(file, content, choice), content)
    return choice.take(pixels, "the file's channels")


def decode_numbers(content: bytes) -> np.ndarray:
    """Decodes the only page as the numbers that the file stores, without its palette.

    Args:
      content: Bytes of the file.

    Returns:
      [H, W, C] in the type of the file, with all channels; uint8 of 0 and 1 for 1 bit.

    Raises:
      ValueError: As `decode`, or white is stored as 0.
    """
    return _guarded(lambda file: _decode_numbers(file, content), content)


class _UnusableError(ValueError):
    """A reason of our own, beside what tifffile raises for damaged files."""


def _guarded(read: "Callable[[tifffile.TiffFile], Result]", content: bytes) -> Result:
    """Returns `read` of the opened file; whatever a damaged file raises becomes ValueError."""
    import logging

    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # Errors are raised as well.
    try:
        with tifffile.TiffFile(io.BytesIO(content), _multifile=False) as file:
            return read(file)
    except _UnusableError:
        raise
    # A damaged file leads to errors of any type: of zlib, of struct, of indices.
    except Exception as error:
        message = f"the file is damaged or cut off, {len(content)} bytes"
        raise ValueError(f"{message}: {error}".splitlines()[0]) from error


def _find(file: "tifffile.TiffFile", choice: PlaneChoice) -> _Plane:
    """Returns the chosen page among those of all series; small copies are not counted."""
    found = [
        (series, index)
        for series in file.series
        if not series.keyframe.is_reduced
        for index in np.ndindex(*_outer(series).values())
    ]
    if not found:
        raise _UnusableError(
            "the TIFF file holds no picture, or only reduced ones, as raw files do"
        )
    number = 1 if choice.page is None else choice.page
    if choice.page is None and len(found) > 1:
        axes = {name for series, _ in found for name in _outer(series)}
        kinds = "".join(sorted(axes)) or "pictures"
        raise _UnusableError(
            f"the TIFF file has {len(found)} pages (axes: {kinds}); choose one, 1 to "
            f"{len(found)}, with `--page` (in Python `page`), or store it alone"
        )
    if number > len(found):
        raise _UnusableError(
            f"`page` must be at most {len(found)}, for the file has no more pages: {number}"
        )
    series, index = found[number - 1]
    wanted = iter(index)
    axes = series.axes
    whole = tuple(slice(None) if axis in "YXSC" else next(wanted) for axis in axes)
    return _Plane(series, series.keyframe, whole, "".join(a for a in axes if a in "YXSC"))


def _outer(series: "tifffile.TiffPageSeries") -> dict[str, int]:
    """Returns the sizes of the axes along which pages are counted."""
    sizes = dict(zip(series.axes, series.shape, strict=True))
    return {axis: size for axis, size in sizes.items() if axis not in "YXSC"}


def _header(plane: _Plane) -> TiffHeader:
    sizes = dict(zip(plane.series.axes, plane.series.shape, strict=True))
    if not {"Y", "X"} <= sizes.keys():
        raise _UnusableError(f"the TIFF file holds no picture but axes {plane.series.axes}")
    orientation = plane.page.tags.valueof("Orientation", 1)
    is_known = isinstance(orientation, int) and 1 <= orientation <= 8
    return TiffHeader(sizes["Y"], sizes["X"], int(orientation) if is_known else 1)


def _decode(file: "tifffile.TiffFile", content: bytes, choice: PlaneChoice) -> np.ndarray:
    """Returns the chosen page, with all channels if some are chosen; else without alpha."""
    plane = _find(file, choice)
    pixels = _with_channels(_read(plane, content), plane.axes)
    pixels, alpha = _in_colours(pixels, plane.page)
    count = pixels.shape[-1]
    if choice.channels is not None:
        return pixels
    is_rgb = plane.page.photometric.name in ("RGB", "PALETTE", "YCBCR") and "C" not in plane.axes
    wanted = _RGB if is_rgb else 1
    if count - alpha != wanted:
        raise _UnusableError(
            f"the TIFF file has {count} channels that are not grey or RGB; choose one of 1 to "
            f"{count}, or three for red, green and blue, with `--channels` (in Python `channels`)"
        )
    return pixels[..., :wanted]


def _decode_numbers(file: "tifffile.TiffFile", content: bytes) -> np.ndarray:
    plane = _find(file, plane_choice.ALL)
    if plane.page.photometric.name == "MINISWHITE":
        raise _UnusableError("a TIFF file of numbers must have black as its least value")
    pixels = _with_channels(_read(plane, content), plane.axes)
    return pixels.astype(np.uint8) if pixels.dtype == bool else pixels


def _read(plane: _Plane, content: bytes) -> np.ndarray:
    """Returns the pixels of the chosen page, with axes `plane.axes`."""
    series, page = plane.series, plane.page
    if not _has_codec(page):
        if page.compression.name == "LZW":
            return _read_lzw(plane, content)
        raise _UnusableError(
            f"the TIFF file's compression {page.compression.name} needs the package imagecodecs "
            "(`pip install imagecodecs`); or store it with deflate or without compression"
        )
    outer = series.shape[: len(series.shape) - len(page.shape)]
    is_by_page = series.shape[len(outer) :] == page.shape and len(series) == math.prod(outer)
    if not is_by_page:
        _check_bytes(series.shape, series.dtype)
        return series.asarray()[plane.index]
    # Each plane is a page of the file, of which only those that are needed are decoded.
    numbers = np.arange(len(series)).reshape(outer)[plane.index[: len(outer)]]
    _check_bytes((*numbers.shape, *page.shape), series.dtype)
    pages = [series[int(number)] for number in np.ravel(numbers)]
    if any(one is None for one in pages):
        raise _UnusableError("the TIFF file lacks the chosen page, it is in another file")
    return np.stack([one.asarray() for one in pages]).reshape(*numbers.shape, *page.shape)


def _check_bytes(shape: Sequence[int], dtype: np.dtype) -> None:
    """Raises ValueError if pixels of this shape are too many to be decoded together."""
    size = math.prod(shape) * dtype.itemsize
    if size > MAX_BYTES:
        raise _UnusableError(
            f"the TIFF file's page has {size} bytes, or can only be read together with others that "
            f"have as many; at most {MAX_BYTES} are decoded; store the wanted page and channels "
            "alone"
        )


def _has_codec(page: "tifffile.TiffPage") -> bool:
    import tifffile

    try:
        tifffile.TIFF.DECOMPRESSORS[page.compression]
    except KeyError:
        return page.compression == 1
    return True


def _read_lzw(plane: _Plane, content: bytes) -> np.ndarray:
    """Returns the pixels of a file with one page by OpenCV: tifffile alone cannot read LZW."""
    page = plane.page
    is_simple = page.photometric.name in ("MINISBLACK", "RGB") and plane.axes in ("YX", "YXS")
    if len(plane.series) > 1 or page.index or not is_simple:
        raise _UnusableError(
            "the TIFF file's compression LZW is read for a single grey or RGB page only, else it "
            "needs the package imagecodecs (`pip install imagecodecs`); or store it with deflate "
            "or without compression"
        )
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape != page.shape:
        raise _UnusableError(f"the file is damaged or cut off, {len(content)} bytes")
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
            raise _UnusableError("a TIFF file of real numbers must have black as its least value")
        return (~pixels if pixels.dtype.kind in "ub" else -1 - pixels), 0
    # JPEG's own colours are decoded to RGB.
    if kind not in ("MINISBLACK", "RGB") and not (
        kind == "YCBCR" and page.compression.name == "JPEG"
    ):
        raise _UnusableError(
            f"the TIFF file's colours must be grey, RGB or a palette: {kind}; convert it, e.g. "
            "with `magick in.tif -colorspace sRGB out.tif`"
        )
    return pixels, int(bool(page.extrasamples) and page.extrasamples[-1] in _ALPHA)
