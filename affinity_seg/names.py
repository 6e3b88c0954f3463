"""Checks names from untrusted files before they become part of a path.

Names come from listings of data sets, from prediction records and from result files. A wrong name
could lead out of the output folder, so every path that is made of such a name is checked here.

Unicode can write a letter with an accent as one character (form NFC), or as a letter followed by
an accent (form NFD, which macOS may write). Both are the same name. This module returns names in
NFC, and finds files whose name is in either form.
"""

import os
import posixpath
import re
import unicodedata

_MAX_BYTES = 200
"""Longest name of an image; a file name has at most 255 bytes, and ours have a suffix."""

_MAX_SUFFIX = 10
"""Longest suffix that `without_folders` keeps, with its dot, characters."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FORBIDDEN = re.compile(r"[/\\\x00-\x1f\x7f]")


def check(name: str, where: str) -> str:
    """Returns the key of an image, `normalized`, if it can be the first part of a file name.

    Args:
      name: The key.
      where: The file that it comes from, for messages.

    Raises:
      ValueError: It is empty or too long, not UTF-8, begins with a dot, or has a separator of
        folders or a control character.
    """
    check_utf8(name, where)
    if (
        not name
        or name.startswith(".")
        or _FORBIDDEN.search(name)
        or len(name.encode()) > _MAX_BYTES
    ):
        raise ValueError(
            f"{where}: the key of an image must be a name of 1 to {_MAX_BYTES} bytes without "
            f"folders and control characters, and begin with no dot: {name!r}"
        )
    return normalized(name)


def check_utf8(name: str, where: str) -> None:
    """Checks that a file's name can be stored in a record and printed.

    Linux allows any bytes in a name. Python represents bytes that are not UTF-8 as single
    surrogates, which cannot be encoded.

    Args:
      name: The name; folders may stand before it.
      where: The file that it comes from, for messages.

    Raises:
      ValueError: It is not UTF-8.
    """
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{escaped(where)}: the name of a file must be UTF-8: {name!r}") from error


def without_folders(given: str) -> str:
    """Returns a name that somebody else gave to a file as one that is safe in any folder.

    Args:
      given: The name, perhaps with folders of any system before it.

    Returns:
      The last part, in NFC. Characters that are not letters, digits or one of ``.()+- _`` are
      replaced by "_". It has at most `_MAX_BYTES` bytes, and does not begin with a dot. It is
      "picture" if nothing is left.
    """
    kept = re.sub(r"[^\w.()+ -]", "_", normalized(re.split(r"[/\\]", given)[-1])).lstrip(" .")
    stem, suffix = os.path.splitext(kept)
    suffix = suffix[:_MAX_SUFFIX]
    stem = stem.encode()[: _MAX_BYTES - len(suffix.encode())].decode(errors="ignore")
    return (stem + suffix).rstrip(" .") or "picture"


def escaped(name: str) -> str:
    """Returns a name for messages, with the number of each character that is not ASCII.

    This shows the difference between names in NFC and NFD, and can always be printed.
    """
    return ascii(name)[1:-1]


def normalized(name: str) -> str:
    """Returns a name in the form NFC, in which equal names are equal strings."""
    return unicodedata.normalize("NFC", name)


def find(path: str) -> str:
    """Returns a path, or that of the same name in the other form of Unicode if only that exists."""
    folder, file = os.path.split(path)
    if not file.isascii() and folder and not os.path.lexists(path):
        for form in ("NFC", "NFD"):
            other = os.path.join(folder, unicodedata.normalize(form, file))
            if os.path.lexists(other):
                return other
    return path


def subfolder(folder: str, name: str) -> str:
    """Returns the path of the folder `name` inside `folder`, for writing.

    `folder` itself was named by the user and may be a link. Its content may be untrusted.

    Raises:
      ValueError: The path is a link that leads out of `folder`.
    """
    path = os.path.join(folder, name)
    if not _is_inside(folder, path):
        raise ValueError(
            f"{path}: must not lead out of {folder}, but it is a link to {os.path.realpath(path)}"
        )
    return path


def inside(folder: str, relative: str, where: str) -> str:
    """Returns the path of a file that another file names relative to `folder`.

    Args:
      folder: Folder in which the file must lie.
      relative: The name.
      where: File and line that it comes from, for messages.

    Raises:
      ValueError: It is absolute or leads out of `folder`, by ".." or by a link.
    """
    path = find(os.path.normpath(os.path.join(folder, relative)))
    if os.path.isabs(relative) or "\0" in relative or not _is_inside(folder, path):
        raise ValueError(f"{where}: must lie in the folder {folder}: {relative}")
    return path


def relative(name: str, where: str, folder: str = "") -> str:
    """Returns the path that another file gives for a file of its data set, "/" separated, in NFC.

    It is only compared with names that were listed, and never opened. Windows writes "\\".

    Args:
      name: The path, relative to `folder`.
      where: The file that it comes from, for messages.
      folder: A folder of the data set.

    Raises:
      ValueError: It is absolute, leads out of the folder, or has a control character.
    """
    path = name.replace("\\", "/")
    is_absolute = path.startswith("/") or re.match("[A-Za-z]:", path)
    path = posixpath.normpath(posixpath.join(folder, path))
    if not name or is_absolute or path.split("/")[0] in ("..", ".") or _CONTROL.search(name):
        raise ValueError(f"{where} must name a file inside of the folder of the data set: {name!r}")
    return normalized(path)


def _is_inside(folder: str, path: str) -> bool:
    folder, path = os.path.realpath(folder), os.path.realpath(path)
    return os.path.commonpath([folder, path]) == folder
