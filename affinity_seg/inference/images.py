"""Reading pictures for inference."""

import os

import numpy as np

from affinity_seg.data import pictures

_FORMATS = ("PNG", "JPEG", "BMP")


def read_image(path: str) -> np.ndarray:
    """Returns a picture as uint8 RGB [H, W, 3], decoded as in training.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: The file is no PNG, JPEG or BMP picture, see `pictures.decode`.
    """
    return decode(path, _read(path))


def decode(path: str, content: bytes) -> np.ndarray:
    """Returns the picture that a file holds, as `read_image` does.

    Args:
      path: Where it was read, for messages.
      content: Bytes of the file.
    """
    return pictures.decode(path, content, _FORMATS)


def read_size(path: str) -> tuple[int, int]:
    """Returns height and width of a picture without decoding its pixels.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: The file is no PNG, JPEG or BMP picture, see `pictures.check_header`.
    """
    return size(path, _read(path))


def size(path: str, content: bytes) -> tuple[int, int]:
    """Returns height and width of the picture that a file holds, as `read_size` does.

    Args:
      path: Where it was read, for messages.
      content: Bytes of the file.
    """
    return pictures.check_header(path, content, _FORMATS)


def _read(path: str) -> bytes:
    if not os.path.isfile(path):
        raise FileNotFoundError(f"the image does not exist: {path}")
    with open(path, "rb") as file:
        return file.read()
