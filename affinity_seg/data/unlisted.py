"""Finds pictures in a folder of images that are not read: other formats, or in subfolders."""

import os
from collections.abc import Collection, Iterator

import PIL.Image

from affinity_seg.data import image_names

_SUFFIXES = (
    ".apng", ".arw", ".avif", ".bmp", ".cr2", ".czi", ".dcm", ".dib", ".dng", ".exr", ".gif",
    ".heic", ".heif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".jxl", ".lif", ".nd2",
    ".nef", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".svs", ".tga", ".tif", ".tiff", ".webp",
)  # fmt: skip
"""File extensions of pictures, also of formats that cannot be read here."""


_OF_MICROSCOPES = (".czi", ".lif", ".nd2", ".svs")
"""Those with pages and channels, which only programs for microscopes read."""


def converter(files: Collection[str]) -> str:
    """Returns what converts pictures to a format that is read here, for messages."""
    if any(file.lower().endswith(_OF_MICROSCOPES) for file in files):
        return "`bfconvert` of Bio-Formats to OME-TIFF"
    return "`mogrify -format png`"


def is_hidden(file: str) -> bool:
    """Returns whether a file is hidden, such as .DS_Store."""
    return file.startswith(".")


def find_pictures(folder: str, taken: Collection[str]) -> list[str]:
    """Returns the pictures in a folder that are not listed, sorted.

    Args:
      folder: The folder.
      taken: Files and folders in it that are listed.

    Returns:
      Names of files, and of folders with pictures, these with "/" at the end. Hidden files are
      ignored.
    """
    found = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if is_hidden(entry.name) or entry.name in taken:
            continue
        if entry.is_dir():
            if any(_has_suffix(file) and not is_hidden(file) for file in os.listdir(entry.path)):
                found.append(entry.name + "/")
        elif _has_suffix(entry.name) or _is_picture(entry.path):
            found.append(entry.name)
    return found


def folders_with_pictures(folder: str) -> Iterator[str]:
    """Yields the folders below a folder, at any depth, that hold pictures which can be read.

    Hidden files and folders are ignored, and links to folders are not followed.

    Args:
      folder: The folder.

    Yields:
      Paths relative to it, in the order of names.
    """
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        if parent != folder and any(image_names.is_image(f) and not is_hidden(f) for f in files):
            yield os.path.relpath(parent, folder)


def _has_suffix(file: str) -> bool:
    return os.path.splitext(file)[1].lower() in _SUFFIXES


def _is_picture(path: str) -> bool:
    """Returns whether Pillow knows a file's content, whatever its name."""
    try:
        with PIL.Image.open(path):
            return True
    except PIL.Image.DecompressionBombError:
        return True
    except (OSError, SyntaxError, ValueError):  # Pillow's own error is an OSError.
        return False
