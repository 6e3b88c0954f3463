"""Writing files so that they appear whole or not at all."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def atomic_path(path: str) -> Iterator[str]:
    """Yields a temporary path beside `path` and renames it to `path` on success.

    The temporary name keeps the suffix of `path`, so writers that look at it work.
    If the body raises, the temporary file is removed and `path` is left as it was.
    """
    folder, name = os.path.split(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".tmp-", suffix="-" + name, dir=folder)
    os.close(handle)
    try:
        os.chmod(temporary, 0o666 & ~_umask())
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)
        raise


def write_bytes(path: str, content: bytes) -> None:
    """Writes `content` to `path` atomically."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(content)


def write_json(path: str, content: Any) -> None:
    """Writes `content` as indented JSON to `path` atomically."""
    write_bytes(path, (json.dumps(content, indent=2) + "\n").encode())


def remove_leftovers(folder: str) -> None:
    """Removes temporary files that a killed run of `atomic_path` left in `folder`."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(folder):
            if name.startswith(".tmp-"):
                os.remove(os.path.join(folder, name))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
