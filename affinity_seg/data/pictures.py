"""Reads pictures from files, in the same way for checks, training, inference and graphs."""

import functools
import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from affinity_seg.data import bit_depth, exif, picture_files, plane_choice, tiff_files, tiff_opening
from affinity_seg.data.plane_choice import PlaneChoice

_TIFF = "TIFF"
_RGB = 3

FORMATS = (*picture_files.FORMATS, _TIFF)
"""The formats that programs read. Graphs read only `picture_files.FORMATS`."""

MIN_PIXELS = 2
"""Smallest number of pixels: an affinity needs a pair of pixels."""

MAX_PIXELS = 2**26
"""Largest number of pixels that is decoded, 8192x8192: a small file's header can have any size."""

ALLOWED_SIZE = f"must have {MIN_PIXELS} to {MAX_PIXELS} pixels"
"""Rule for messages."""


def read(path: str, *, turned: bool = True, choice: PlaneChoice = plane_choice.ALL) -> np.ndarray:
    """Returns the picture in a file, uint8 RGB [H, W, 3], or with the chosen channels [H, W, C].

    Args:
      path: A file of one of `FORMATS`.
      turned: As of `check_header`.
      choice: As of `decode`.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: As `decode`.
    """
    return to_image(path, read_values(path, turned=turned, choice=choice))


def read_values(
    path: str, *, turned: bool = True, choice: PlaneChoice = plane_choice.ALL
) -> np.ndarray:
    """Returns what `decode_values` does of a file; arguments and errors are those of `read`."""
    return decode_values(path, read_bytes(path), turned=turned, choice=choice)


def to_image(name: str, values: np.ndarray) -> np.ndarray:
    """Returns values of any depth in 8 bits, see `bit_depth`.

    Args:
      name: The picture, for messages.
      values: Grey [H, W, 1], RGB [H, W, 3], or any other number of channels [H, W, C].

    Returns:
      uint8 RGB [H, W, 3] of grey and RGB. Of others [H, W, C], each channel in its own range.

    Raises:
      ValueError: As `bit_depth.to_8_bits`; the message names the picture.
    """
    try:
        if values.shape[2] in (1, _RGB):
            found = bit_depth.to_8_bits(values)
        else:
            planes = np.moveaxis(values, 2, 0)
            found = np.stack([bit_depth.to_8_bits(plane) for plane in planes], axis=2)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    count = _RGB if found.shape[2] == 1 else found.shape[2]
    return np.ascontiguousarray(np.broadcast_to(found, (*found.shape[:2], count)))


def as_rgb(image: np.ndarray) -> np.ndarray:
    """Returns an image to be shown, uint8 RGB [H, W, 3]: its first three channels, black for none.

    Args:
      image: uint8 [H, W, C].
    """
    missing = max(0, _RGB - image.shape[2])
    return np.pad(image[..., :_RGB], [(0, 0), (0, 0), (0, missing)])


def read_size(
    path: str, *, turned: bool = True, choice: PlaneChoice = plane_choice.ALL
) -> tuple[int, int]:
    """Returns height and width of what `read` returns, without decoding its pixels.

    Args:
      path: As of `read`.
      turned: As of `check_header`.
      choice: As of `check_header`.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: As `check_header`.
    """
    return check_header(path, read_bytes(path), turned=turned, choice=choice)


def read_bytes(path: str) -> bytes:
    """Returns the content of a picture's file.

    Raises:
      FileNotFoundError: There is no such file.
    """
    check_exists(path)
    with open(path, "rb") as file:
        return file.read()


def check_exists(path: str) -> None:
    """Raises FileNotFoundError unless a picture's file exists."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"the image does not exist: {path}")


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
    return _check(path, content, formats, turned, choice)[:2]


def declared_size(path: str, content: bytes, formats: Sequence[str] = FORMATS) -> tuple[int, int]:
    """Returns the height and width in a picture's header; callers check them.

    Args:
      path: As of `check_header`.
      content: As of `check_header`.
      formats: As of `check_header`.

    Raises:
      ValueError: The file is of another format or damaged.
    """
    return _read_header(path, content, formats, plane_choice.ALL)[:2]


def format_of(path: str, content: bytes, choice: PlaneChoice = plane_choice.ALL) -> str:
    """Returns the format of a picture's file, one of `FORMATS`.

    Args:
      path: As of `check_header`.
      content: As of `check_header`.
      choice: As of `check_header`.

    Raises:
      ValueError: The file is of another format or damaged.
    """
    return _read_header(path, content, FORMATS, choice)[3]


def check_size(name: str, height: int, width: int) -> None:
    """Raises ValueError, which names the picture, unless its number of pixels is allowed."""
    if not MIN_PIXELS <= height * width <= MAX_PIXELS:
        raise ValueError(f"{name}: {ALLOWED_SIZE}: {height}x{width}")


def decode(
    path: str,
    content: bytes,
    formats: Sequence[str] = FORMATS,
    *,
    turned: bool = False,
    choice: PlaneChoice = plane_choice.ALL,
) -> np.ndarray:
    """Decodes a picture as in training.

    It is `to_image` of `decode_values`, and has its arguments and errors.

    Returns:
      uint8 RGB [H, W, 3], or with other channels if those are chosen, [H, W, C].
    """
    return to_image(path, decode_values(path, content, formats, turned=turned, choice=choice))


def decode_values(
    path: str,
    content: bytes,
    formats: Sequence[str] = FORMATS,
    *,
    turned: bool = False,
    choice: PlaneChoice = plane_choice.ALL,
) -> np.ndarray:
    """Decodes a picture with all of its bits. Alpha is left out.

    Args:
      path: As of `check_header`.
      content: As of `check_header`.
      formats: As of `check_header`.
      turned: As of `check_header`.
      choice: The page of a TIFF file, and the channels.

    Returns:
      Grey [H, W, 1] or RGB [H, W, 3] in the type of the file; of files that are not TIFF always
      RGB. If channels are chosen, these, [H, W, C].

    Raises:
      ValueError: As `check_header`, or the file is damaged or cut off, or has several pages or
        other channels than grey or RGB and none are chosen.
    """
    _, _, orientation, known = _check(path, content, formats, turned, choice)
    try:
        if known == _TIFF:
            values = tiff_files.decode(content, choice)
        else:
            values = choice.take(picture_files.decode_values(content), "those of RGB")
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(f"{path}: {_damaged(content)}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if orientation == exif.UPRIGHT:
        return values
    return exif.turn(tf.constant(values), tf.constant(orientation, tf.int64)).numpy()


def decode_in_graph(content: tf.Tensor, where: Sequence[str | tf.Tensor]) -> tf.Tensor:
    """Decodes a picture inside a graph, turned and mirrored by its EXIF orientation.

    Args:
      content: Bytes of the file, of one of `FORMATS`, a string scalar.
      where: Name of the picture, for messages.

    Returns:
      uint8 RGB [H, W, 3].

    Raises:
      tf.errors.InvalidArgumentError: It is of another format, damaged or cut off, or its header
        claims less than `MIN_PIXELS` or more than `MAX_PIXELS` pixels.
    """
    header = picture_files.read_header(content)
    text = tf.gather([f"{fault}:" for fault in picture_files.faults()], header.fault)
    fine = tf.debugging.Assert(
        tf.equal(header.fault, 0), [text, *where, "bytes", tf.strings.length(content)]
    )
    with tf.control_dependencies([fine]):
        size = tf.identity(header.size)
    with tf.control_dependencies([check_size_in_graph(size, where)]):
        content = tf.identity(content)
    orientation = picture_files.read_orientation(content, header)
    image = exif.turn(picture_files.decode_stored(content), orientation)
    return tf.ensure_shape(image, [None, None, 3])


def check_size_in_graph(size: tf.Tensor, where: Sequence[str | tf.Tensor]) -> tf.Operation:
    """Asserts that the number of pixels of an image of `size`, [height, width], is allowed."""
    area = tf.reduce_prod(tf.cast(size, tf.int64))
    return tf.debugging.Assert(
        (area >= MIN_PIXELS) & (area <= MAX_PIXELS),
        [f"{ALLOWED_SIZE}:", *where, "[height width]", size],
    )


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


def _read_header(
    path: str, content: bytes, formats: Sequence[str], choice: PlaneChoice
) -> tuple[int, int, int, str]:
    """Returns height and width as shown, EXIF orientation, and the format."""
    if _TIFF in formats and content.startswith(tiff_opening.MAGIC):
        try:
            stored = tiff_files.read_header(content, choice)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        size = exif.turned_size(tf.constant(stored[:2]), tf.constant(stored.orientation))
        return *size.numpy().tolist(), stored.orientation, _TIFF
    try:
        header = picture_files.read_header(tf.constant(content))
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(f"{path}: {_damaged(content)}") from error
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
    return height, width, orientation, known


def _check(
    path: str, content: bytes, formats: Sequence[str], turned: bool, choice: PlaneChoice
) -> tuple[int, int, int, str]:
    """Does what `check_header` does, and returns what `_read_header` does."""
    height, width, orientation, known = _read_header(path, content, formats, choice)
    check_size(path, height, width)
    if orientation != exif.UPRIGHT and not turned:
        raise ValueError(
            f"{path}: EXIF orientation must be {exif.UPRIGHT}, pixels stored as they are shown, "
            f"where a mask must fit: {orientation}; store it upright first, e.g. with "
            "`mogrify -auto-orient`"
        )
    return height, width, orientation, known


def _damaged(content: bytes) -> str:
    return f"the file is damaged or cut off, {len(content)} bytes"
