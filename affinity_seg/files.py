"""Atomic writing: a file appears under its name only when it is complete."""

import contextlib
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from typing import Any, TextIO

_PREFIX = ".tmp-"
_WRITER = re.compile(re.escape(_PREFIX) + r"(\d+)@([\w.]*)@")
"""A temporary name begins with the process and the host that write the file."""

_FOREIGN_AGE = 24 * 3600
"""Age after which a temporary file of another host is taken for a leftover, seconds."""


@contextlib.contextmanager
def atomic_path(path: str) -> Iterator[str]:
    """Yields a temporary path beside `path` and renames it to `path` on success.

    The temporary name keeps the suffix of `path`, for writers that choose a format by it.
    If the body raises, the temporary file is removed and `path` is left unchanged. An OSError
    that names the temporary file, or no file (such as that of a full disk), then names `path`.
    """
    folder, name = os.path.split(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    temporary = _temporary(folder, os.path.splitext(name)[1])
    try:
        open(temporary, "xb").close()
    except OSError as error:
        error.filename = path
        raise
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)
        # An error without a number has a message of its own, which a file name would replace.
        has_number = isinstance(error, OSError) and error.errno is not None
        if has_number and error.filename in (None, temporary):
            error.filename = path
        raise


@contextlib.contextmanager
def atomic_folder(path: str) -> Iterator[str]:
    """Yields a temporary folder beside `path` and renames it to `path` on success.

    If the body raises, the temporary folder is removed.

    Raises:
      FileExistsError: `path` is there already and is not an empty folder.
    """
    path = os.path.realpath(path)  # Of a link the folder that it leads to.
    if os.path.exists(path) and not (os.path.isdir(path) and not os.listdir(path)):
        raise FileExistsError(f"the folder to be written must be new or empty: {path}")
    parent = os.path.dirname(path)
    os.makedirs(parent, exist_ok=True)
    temporary = _temporary(parent)
    os.mkdir(temporary)
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def read_text(path: str) -> str:
    """Returns the text of a file.

    Raises:
      ValueError: It is not UTF-8.
    """
    with open(path, encoding="utf-8") as file:
        try:
            return file.read()
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: the file must be UTF-8 text: {error}") from error


def write_bytes(path: str, content: bytes) -> None:
    """Writes `content` to `path` atomically."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(content)


def json_bytes(content: Any) -> bytes:
    """Returns `content` as indented JSON."""
    text = io.StringIO()
    _dump(content, text)
    return text.getvalue().encode()


def write_json(path: str, content: Any) -> None:
    """Writes `content` as indented JSON to `path` atomically, as `json_bytes` returns it.

    It is written part by part: as one text, the JSON of many instances would take several times the
    memory that they take themselves.
    """
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        _dump(content, file)


def _dump(content: Any, file: TextIO) -> None:
    json.dump(content, file, indent=2)
    file.write("\n")


def remove_leftovers(folder: str) -> None:
    """Removes temporary files that killed processes left in `folder`.

    Files of running processes are kept. Whether a process of another host is running cannot be
    found out, so its files are removed a day after they were last written.
    """
    if not os.path.isdir(folder):
        return
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        with contextlib.suppress(FileNotFoundError):  # Another process may remove it as well.
            if name.startswith(_PREFIX) and _is_leftover(path):
                is_folder = os.path.isdir(path) and not os.path.islink(path)
                shutil.rmtree(path) if is_folder else os.remove(path)


def sha256(path: str) -> str:
    """Returns the SHA-256 of a file's bytes in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def _is_leftover(path: str) -> bool:
    """Returns whether no process writes the temporary file `path` any more."""
    writer = _WRITER.match(os.path.basename(path))
    if writer is None or writer[2] != _host():
        return time.time() - os.lstat(path).st_mtime > _FOREIGN_AGE
    try:
        os.kill(int(writer[1]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # The process is running and belongs to another user.
        return False
    return False


def _temporary(folder: str, suffix: str = "") -> str:
    """Returns a path in a folder at which nothing is."""
    name = f"{_PREFIX}{os.getpid()}@{_host()}@{secrets.token_hex(8)}{suffix}"
    return os.path.join(folder, name)


def _host() -> str:
    """Returns the name of what numbers the processes: a host, or one of its containers.

    Containers may share the name of their host, but each has a namespace of process numbers.
    """
    try:
        namespace = re.sub(r"\D", "", os.readlink("/proc/self/ns/pid"))
    except OSError:  # Not on Linux, or /proc is hidden.
        namespace = ""
    host = re.sub(r"[^\w.]", "_", socket.gethostname())[:40]
    return f"{host}.{namespace}"
