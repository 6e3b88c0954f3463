"""Pictures from bytes, the same for checks, training and inference."""

import io
import struct

import numpy as np
import PIL.Image
import tensorflow as tf

MIN_PIXELS = 2
"""Smallest picture: a single pixel has no pair, and with it no affinity."""

MAX_PIXELS = 2**26
"""Largest picture that is decoded, 8192x8192: the header of a small file can claim any size."""

_ALLOWED = f"must have {MIN_PIXELS} to {MAX_PIXELS} pixels"
_ORIENTATION = 0x0112
_UPRIGHT = 1


def check_header(path: str, content: bytes, formats: tuple[str, ...]) -> tuple[int, int]:
    """Checks what a picture's file says of itself, before its pixels are decoded.

    Args:
      path: Where it was read, for messages.
      content: Bytes of the file.
      formats: Names of the formats that are allowed, as Pillow calls them: "PNG", "JPEG", ...

    Returns:
      Height and width, pixels.

    Raises:
      ValueError: The file is of another format or damaged, has less than `MIN_PIXELS` or more than
        `MAX_PIXELS` pixels, or is a JPEG that EXIF tells to turn or mirror. The message names the
        file.
    """
    height, width, orientation = _read_header(path, content, formats)
    check_size(path, height, width)
    if orientation != _UPRIGHT:
        raise ValueError(
            f"{path}: EXIF orientation must be {_UPRIGHT}, pixels stored as they are shown: "
            f"{orientation}; store it upright first, e.g. with `mogrify -auto-orient`"
        )
    return height, width


def declared_size(path: str, content: bytes, formats: tuple[str, ...]) -> tuple[int, int]:
    """Returns height and width that a picture's file claims, for who knows what they must be.

    Args:
      path: As of `check_header`.
      content: As of `check_header`.
      formats: As of `check_header`.

    Raises:
      ValueError: The file is of another format or damaged.
    """
    return _read_header(path, content, formats)[:2]


def _read_header(path: str, content: bytes, formats: tuple[str, ...]) -> tuple[int, int, int]:
    """Returns height, width and EXIF orientation."""
    damaged = f"{path}: the file is damaged or cut off, {len(content)} bytes"
    try:
        with PIL.Image.open(io.BytesIO(content), formats=formats) as header:
            width, height = header.size
            # Pillow decodes a whole PNG to look for EXIF data behind the pixels.
            exif = header.getexif() if header.format == "JPEG" else {}
            orientation = exif.get(_ORIENTATION, _UPRIGHT)
    except PIL.UnidentifiedImageError as error:
        raise ValueError(f"{path}: not a {' or '.join(formats)} file") from error
    except PIL.Image.DecompressionBombError as error:
        raise ValueError(f"{path}: {_ALLOWED}: the header claims many more") from error
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise ValueError(f"{damaged}: {error}") from error
    return height, width, orientation


def check_size(name: str, height: int, width: int) -> None:
    """Raises ValueError, which names the picture, unless it has as many pixels as it may."""
    if not MIN_PIXELS <= height * width <= MAX_PIXELS:
        raise ValueError(f"{name}: {_ALLOWED}: {height}x{width}")


def decode(path: str, content: bytes, formats: tuple[str, ...]) -> np.ndarray:
    """Decodes a picture as in training.

    Args:
      path: As of `check_header`.
      content: As of `check_header`.
      formats: As of `check_header`.

    Returns:
      uint8 RGB [H, W, 3].

    Raises:
      ValueError: As `check_header`, or the file is damaged or cut off.
    """
    check_header(path, content, formats)
    try:
        return tf.io.decode_image(content, channels=3, expand_animations=False).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(f"{path}: the file is damaged or cut off, {len(content)} bytes") from error
