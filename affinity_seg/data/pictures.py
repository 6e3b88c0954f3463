"""Reads pictures from files, in the same way for checks, training, inference and graphs."""

import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from affinity_seg.data import (
    bit_depth,
    exif,
    picture_files,
    picture_headers,
    plane_choice,
    tiff_files,
)
from affinity_seg.data.plane_choice import PlaneChoice

_RGB = 3


def read(path: str, *, turned: bool = True, choice: PlaneChoice = plane_choice.ALL) -> np.ndarray:
    """Returns the picture in a file, uint8 RGB [H, W, 3], or with the chosen channels [H, W, C].

    Args:
      path: A file of one of `picture_headers.FORMATS`.
      turned: As of `picture_headers.check_header`.
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
      turned: As of `picture_headers.check_header`.
      choice: As of `picture_headers.check_header`.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: As `picture_headers.check_header`.
    """
    return picture_headers.check_header(path, read_bytes(path), turned=turned, choice=choice)


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
    if os.path.isdir(path):
        raise IsADirectoryError(f"an image must be a file, not a folder: {path}")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"the image does not exist: {path}")


def decode(
    path: str,
    content: bytes,
    formats: Sequence[str] = picture_headers.FORMATS,
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
    formats: Sequence[str] = picture_headers.FORMATS,
    *,
    turned: bool = False,
    choice: PlaneChoice = plane_choice.ALL,
) -> np.ndarray:
    """Decodes a picture with all of its bits. Alpha is left out.

    It is `PlaneChoice.take` of `decode_channels`, and has the arguments and errors of both.

    Returns:
      Grey [H, W, 1] or RGB [H, W, 3] in the type of the file; of files that are not TIFF always
      RGB. If channels are chosen, these, [H, W, C].
    """
    return _take(
        path, decode_channels(path, content, formats, turned=turned, choice=choice), choice
    )


def decode_with_channels(
    path: str, content: bytes, choice: PlaneChoice
) -> tuple[np.ndarray, np.ndarray]:
    """Returns what `decode` and `decode_channels` do of a file, turned; it is decoded once."""
    channels = decode_channels(path, content, turned=True, choice=choice)
    return to_image(path, _take(path, channels, choice)), channels


def _take(path: str, channels: np.ndarray, choice: PlaneChoice) -> np.ndarray:
    """Returns what `PlaneChoice.take` does; its error names the file."""
    try:
        return choice.take(channels)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def decode_channels(
    path: str,
    content: bytes,
    formats: Sequence[str] = picture_headers.FORMATS,
    *,
    turned: bool = False,
    choice: PlaneChoice = plane_choice.ALL,
) -> np.ndarray:
    """Decodes a picture with all of its bits, and with all channels if some are chosen.

    Args:
      path: As of `picture_headers.check_header`.
      content: As of `picture_headers.check_header`.
      formats: As of `picture_headers.check_header`.
      turned: As of `picture_headers.check_header`.
      choice: The page of a TIFF file, and the channels.

    Returns:
      Grey [H, W, 1] or RGB [H, W, 3] in the type of the file; of files that are not TIFF always
      RGB. If channels are chosen, all channels of the page, [H, W, C].

    Raises:
      ValueError: As `picture_headers.check_header`, or the file is damaged or cut off, or has
        several pages or other channels than grey or RGB and none are chosen.
    """
    header = picture_headers.read_header(path, content, formats, choice)
    picture_headers.check(path, header, turned)
    try:
        if header.format == picture_headers.TIFF:
            values = tiff_files.decode(content, choice)
        else:
            values = picture_files.decode_values(content)
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(f"{path}: {picture_headers.damaged(content)}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if header.orientation == exif.UPRIGHT:
        return values
    return exif.turn(tf.constant(values), tf.constant(header.orientation, tf.int64)).numpy()
