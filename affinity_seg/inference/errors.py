"""Errors about what is in a file."""

import contextlib
from collections.abc import Iterator

import cv2
import tensorflow as tf


@contextlib.contextmanager
def errors_named(path: str) -> Iterator[None]:
    """Turns errors about what is in the file `path` into a ValueError that names it."""
    try:
        yield
    except (ValueError, cv2.error, tf.errors.OpError) as error:
        raise ValueError(f"{path}: {error}") from error
