"""Errors about what is in a file."""

import contextlib
from collections.abc import Iterator

import cv2
import tensorflow as tf


@contextlib.contextmanager
def errors_named(path: str) -> Iterator[None]:
    """Turns errors about what is in the file `path` into a ValueError that names it, once."""
    try:
        yield
    except (ValueError, cv2.error, tf.errors.OpError) as error:
        text = str(error)
        raise ValueError(text if text.startswith(path) else f"{path}: {text}") from error
