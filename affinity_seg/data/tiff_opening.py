"""Opens TIFF files so that damage becomes ValueError, also where tifffile only logs it."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from affinity_seg import input_errors

if TYPE_CHECKING:
    import tifffile

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes of a TIFF file, and of a BigTIFF one, in either order of bytes."""

_DAMAGED = "the file is damaged or cut off"

_FATAL_REMARKS = ("invalid page offset", "series metadata invalid")
"""Where tifffile only logs that pages are missing, and goes on with those that are there."""


class UnusableError(ValueError):
    """A reason of our own, beside what tifffile raises for damaged files."""


def is_damage(error: Exception) -> bool:
    """Returns whether what reading a file has raised says that it is damaged.

    It may be of any type: of zlib, of struct, of indices. Not so an `UnusableError`, and what is
    about the machine, such as too little memory.
    """
    return not (isinstance(error, UnusableError) or input_errors.is_of_the_machine(error))


def damaged(error: Exception, size: int | None = None) -> ValueError:
    """Returns the error of a damaged file, in one line.

    Args:
      error: What reading it has raised, see `is_damage`.
      size: Bytes of the file, if they are known.
    """
    bytes_ = "" if size is None else f", {size} bytes"
    return ValueError(f"{_DAMAGED}{bytes_}: {error}".splitlines()[0])


def is_tiff(source: str | BinaryIO) -> bool:
    """Returns whether a file begins as a TIFF file does.

    Args:
      source: A path, or an open file at its start, where it is left.
    """
    if isinstance(source, str):
        with open(source, "rb") as file:
            return is_tiff(file)
    begin = source.read(len(MAGIC[0]))
    source.seek(0)
    return begin in MAGIC


@contextlib.contextmanager
def opened(source: str | BinaryIO) -> Iterator["tifffile.TiffFile"]:
    """Yields an opened TIFF file; whatever a damaged one raises becomes ValueError.

    Args:
      source: A path, or an open file.
    """
    import tifffile

    size = None
    try:
        with _remarks(), tifffile.TiffFile(source, _multifile=False) as file:
            size = file.filehandle.size
            yield file
    except Exception as error:
        if not is_damage(error):
            raise
        raise damaged(error, size) from error


@contextlib.contextmanager
def _remarks() -> Iterator[None]:
    """Turns what tifffile logs of missing pages into an error, and hides all else it logs."""
    logger, thread, found = logging.getLogger("tifffile"), threading.get_ident(), []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            message = record.getMessage()
            is_fatal = any(text in message for text in _FATAL_REMARKS)
            if is_fatal and record.thread == thread:  # Others may read files meanwhile.
                found.append(message)

    collector = Collector(logging.WARNING)
    logger.propagate = False
    logger.addHandler(collector)
    try:
        yield
    finally:
        logger.removeHandler(collector)
    if found:
        raise UnusableError(
            f"{_DAMAGED}: it lists pages that are not in it ({found[0].split('> ')[-1]})"
        )
