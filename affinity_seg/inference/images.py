"""Reading pictures for inference."""

import os

import numpy as np
import tensorflow as tf


def read_image(path: str) -> np.ndarray:
    """Returns a picture as uint8 RGB [H, W, 3], decoded as in training.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: The file is no PNG, JPEG or BMP picture.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f"the image does not exist: {path}")
    with open(path, "rb") as file:
        content = file.read()
    try:
        return tf.io.decode_image(content, channels=3, expand_animations=False).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(f"{path}: not a PNG or JPEG picture that can be read") from error
