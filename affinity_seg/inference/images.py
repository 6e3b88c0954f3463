"""Reading pictures for inference."""

import os

import numpy as np

from affinity_seg.data import pictures


def read_image(path: str, *, turned: bool = True) -> np.ndarray:
    """Returns a picture as uint8 RGB [H, W, 3].

    Args:
      path: A PNG, JPEG or BMP file.
      turned: Whether it is turned and mirrored as its EXIF data says, so that it has the pixels of
        the picture as it is shown; else such a picture is refused. False where a mask must fit.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: The file is no such picture, see `pictures.decode`.
    """
    return decode(path, _read(path), turned=turned)


def decode(path: str, content: bytes, *, turned: bool = True) -> np.ndarray:
    """Returns the picture that a file holds, as `read_image` does.

    Args:
      path: Where it was read, for messages.
      content: Bytes of the file.
      turned: As of `read_image`.
    """
    return pictures.decode(path, content, turned=turned)


def read_size(path: str, *, turned: bool = True) -> tuple[int, int]:
    """Returns height and width of what `read_image` returns, without decoding its pixels.

    Args:
      path: As of `read_image`.
      turned: As of `read_image`.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: The file is no such picture, see `pictures.check_header`.
    """
    return size(path, _read(path), turned=turned)


def size(path: str, content: bytes, *, turned: bool = True) -> tuple[int, int]:
    """Returns height and width of the picture that a file holds, as `read_size` does.

    Args:
      path: Where it was read, for messages.
      content: Bytes of the file.
      turned: As of `read_image`.
    """
    return pictures.check_header(path, content, turned=turned)


def _read(path: str) -> bytes:
    if not os.path.isfile(path):
        raise FileNotFoundError(f"the image does not exist: {path}")
    with open(path, "rb") as file:
        return file.read()
