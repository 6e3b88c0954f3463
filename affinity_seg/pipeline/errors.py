"""Errors about the content of a file."""

import contextlib
from collections.abc import Iterator

from affinity_seg import input_errors


@contextlib.contextmanager
def errors_named(path: str) -> Iterator[None]:
    """Turns errors about the content of the file `path` into a ValueError that names it once."""
    try:
        yield
    except OSError:  # Its message has the name of the file already.
        raise
    except input_errors.types() as error:
        if input_errors.is_of_the_machine(error):
            raise
        text = str(error)
        raise ValueError(text if text.startswith(path) else f"{path}: {text}") from error
