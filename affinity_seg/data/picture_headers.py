"""Reads and checks the headers of pictures' files, before their pixels are decoded."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from affinity_seg.data import exif, picture_files, plane_choice, tiff_files, tiff_opening
from affinity_seg.data.plane_choice import PlaneChoice

TIFF = "TIFF"

FORMATS = (*picture_files.FORMATS, TIFF)
"""The formats that programs read. Graphs read only `picture_files.FORMATS`."""

MIN_PIXELS = 2
"""Smallest number of pixels: an affinity needs a pair of pixels."""

MAX_PIXELS = 2**26
"""Largest number of pixels that is decoded, 8192x8192: a small file's header can have any size."""

ALLOWED_SIZE = f"must have {MIN_PIXELS} to {MAX_PIXELS} pixels"
"""Rule for messages."""


class PictureHeader(NamedTuple):
    """What a header says.

    Attributes:
      height: Of the picture as it is shown, pixels.
      width: Likewise.
      orientation: As in EXIF, 1 to 8.
      format: One of `FORMATS`.
    """

    height: int
    width: int
    orientation: int
    format: str


def read_header(
    path: str,
    content: bytes,
    formats: Sequence[str] = FORMATS,
    choice: PlaneChoice = plane_choice.ALL,
) -> PictureHeader:
    """Returns a header that is not checked; arguments are those of `check_header`.

    Raises:
      ValueError: The file is of another format or damaged, or has several pages and none is chosen.
    """
    if TIFF in formats and content.startswith(tiff_opening.MAGIC):
        try:
            stored = tiff_files.read_header(content, choice)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        size = exif.turned_size(tf.constant(stored[:2]), tf.constant(stored.orientation))
        return PictureHeader(*size.numpy().tolist(), stored.orientation, TIFF)
    try:
        header = picture_files.read_header(tf.constant(content))
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(f"{path}: {damaged(content)}") from error
    known = FORMATS[int(header.format)] if header.format >= 0 else None
    if known is not None and known not in formats:
        raise ValueError(f"{path}: not a {' or '.join(formats)} file but {known}")
    if header.fault:
        fault = picture_files.faults(formats)[int(header.fault)]
        raise ValueError(f"{path}: {fault}, {len(content)} bytes")
    if choice.page not in (None, 1):
        raise ValueError(f"{path}: `page` must be 1 of a {known} file: {choice.page}")
    orientation = _read_orientation(content, int(header.format))
    height, width = exif.turned_size(header.size, tf.constant(orientation)).numpy().tolist()
    return PictureHeader(height, width, orientation, known)


def check(path: str, header: PictureHeader, turned: bool) -> None:
    """Raises ValueError as `check_header` unless a picture with this header may be decoded."""
    check_size(path, header.height, header.width)
    if header.orientation != exif.UPRIGHT and not turned:
        raise ValueError(
            f"{path}: EXIF orientation must be {exif.UPRIGHT}, pixels stored as they are shown, "
            f"where a mask must fit: {header.orientation}; store it upright first, e.g. with "
            "`mogrify -auto-orient`"
        )


def check_header(
    path: str,
    content: bytes,
    formats: Sequence[str] = FORMATS,
    *,
    turned: bool = False,
    choice: PlaneChoice = plane_choice.ALL,
) -> tuple[int, int]:
    """Checks the header of a picture's file, before its pixels are decoded.

    Args:
      path: The file, for messages.
      content: Bytes of the file.
      formats: The formats that are allowed, some of `FORMATS`.
      turned: Whether the picture is turned and mirrored by its EXIF orientation. False for masks
        and for pictures with a mask, since the mask may have been drawn on the picture as stored or
        as shown.
      choice: The page of a TIFF file.

    Returns:
      Height and width, pixels; of the turned picture if `turned`.

    Raises:
      ValueError: The file is of another format or damaged, has less than `MIN_PIXELS` or more than
        `MAX_PIXELS` pixels, has several pages and none is chosen, or has an orientation although
        `turned` is False. The message names the file.
    """
    header = read_header(path, content, formats, choice)
    check(path, header, turned)
    return header[:2]


def declared_size(path: str, content: bytes, formats: Sequence[str] = FORMATS) -> tuple[int, int]:
    """Returns the height and width in a picture's header; callers check them.

    Args:
      path: As of `check_header`.
      content: As of `check_header`.
      formats: As of `check_header`.

    Raises:
      ValueError: The file is of another format or damaged.
    """
    return read_header(path, content, formats)[:2]


def format_of(path: str, content: bytes, choice: PlaneChoice = plane_choice.ALL) -> str:
    """Returns the format of a picture's file, one of `FORMATS`.

    Args:
      path: As of `check_header`.
      content: As of `check_header`.
      choice: As of `check_header`.

    Raises:
      ValueError: The file is of another format or damaged.
    """
    return read_header(path, content, choice=choice).format


def check_size(name: str, height: int, width: int) -> None:
    """Raises ValueError, which names the picture, unless its number of pixels is allowed."""
    if not MIN_PIXELS <= height * width <= MAX_PIXELS:
        raise ValueError(f"{name}: {ALLOWED_SIZE}: {height}x{width}")


def damaged(content: bytes) -> str:
    """Returns what is wrong with a damaged file, for messages."""
    return f"the file is damaged or cut off, {len(content)} bytes"


def _read_orientation(content: bytes, kind: int) -> int:
    """Returns the EXIF orientation of a file whose format is `FORMATS[kind]`.

    Only a file that has the mark of EXIF data is searched for it: the first search takes 0.2 s,
    because it makes a graph.
    """
    mark, read = picture_files.ORIENTATIONS.get(kind, (None, None))
    if mark is None or mark not in content:
        return exif.UPRIGHT
    with tf.device("CPU"):
        return int(_graph(read)(tf.constant(content)))


@functools.cache
def _graph(read: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function of a file's bytes as a graph, whose loops take less time."""
    return tf.function(read, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
