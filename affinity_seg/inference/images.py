"""Reading pictures for inference."""

import os

import numpy as np

from affinity_seg.data import pictures


def read_image(path: str) -> np.ndarray:
    """Returns a picture as uint8 RGB [H, W, 3], decoded as in training.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: The file is no PNG, JPEG or BMP picture, see `pictures.decode`.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f"the image does not exist: {path}")
    with open(path, "rb") as file:
        return pictures.decode(path, file.read(), ("PNG", "JPEG", "BMP"))
