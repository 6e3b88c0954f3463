"""The keys of images, their names in a data set, which are made of the names of their files."""

import os
import re

from affinity_seg import names

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
"""Extensions of pictures that are listed in a folder, in lower case."""

CITYSCAPES_SUFFIX = "_leftImg8bit.png"
"""What follows the key in the name of an image of Cityscapes."""

_OME = re.compile(r"\.ome$", re.IGNORECASE)


def key_of(path: str) -> str:
    """Returns the key of a picture's file: its name without folders and extension, in NFC.

    The extension of an OME-TIFF file is `.ome.tif`.
    """
    return without_ome(names.normalized(os.path.splitext(os.path.basename(path))[0]))


def without_ome(stem: str) -> str:
    """Returns the name of a file without extension also without `.ome`, if it ends so.

    Programs that write another file for the picture `a.ome.tif` call it `a.png` or `a.ome.png`.
    """
    return _OME.sub("", stem)


def is_image(file: str) -> bool:
    """Returns whether a file is a picture by its extension."""
    return os.path.splitext(file)[1].lower() in SUFFIXES


def name_of(filename: str) -> str:
    """Returns the key of an image of any layout, from its file with or without folders."""
    file = names.normalized(filename.rsplit("/", 1)[-1])
    if file.endswith(CITYSCAPES_SUFFIX):
        return file[: -len(CITYSCAPES_SUFFIX)]
    return key_of(file) if is_image(file) else file
