"""File formats for the instances of a picture, one module for each.

A module has

- `FILE_NAME`: the name of the file, in which `{name}` stands for the name of the picture. Without
  `{name}`, one file holds the results of all pictures;
- `convert(picture)`: what the file holds of one picture, a `SegmentedPicture`. These are the bytes
  of the file if each picture has a file of its own, otherwise values that JSON can hold. It raises
  ValueError for a picture that the format cannot hold;
- `check_size(size)`: raises ValueError if the format cannot hold a picture of this height and
  width. Only for a format that has such a limit;
- `join(converted)`: the bytes of the file for all pictures. Only for a format with one file.

`Writer` writes the files. Here, nothing but the names is imported: flags need them before
TensorFlow and the packages of the formats are loaded.
"""

import importlib
from collections.abc import Sequence
from types import ModuleType

from affinity_seg.data import pixel_sizes

_MODULES = {
    "png": "overlay",
    "json": "description",
    "labels_tiff": "labels_tiff",
    "labels_png": "labels_png",
    "imagej": "imagej",
    "geojson": "geojson",
    "geojson_annotations": "geojson_annotations",
    "coco": "coco",
    "csv": "measurements",
}

FORMATS = tuple(_MODULES)
"""The names of the formats."""

DEFAULT = ("png", "json")

WITH_PIXEL_SIZE = ("labels_tiff", "csv")
"""The formats that hold the size of a pixel."""


def check(names: Sequence[str]) -> None:
    """Raises ValueError unless `names` are different names of formats, at least one."""
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names or len(set(names)) != len(names):
        raise ValueError(f"`--formats` must be different names among {FORMATS}: {list(names)}")


def with_pixel_size(names: Sequence[str]) -> bool:
    """Returns whether one of the formats holds the size of a pixel."""
    return not set(WITH_PIXEL_SIZE).isdisjoint(names)


def check_pixel_size(size: float) -> None:
    """Raises ValueError unless `size`, micrometres, can be the size of a pixel."""
    least, most = pixel_sizes.LIMITS
    if not least <= size <= most:
        raise ValueError(f"`--pixel_size` must be in [{least}, {most}] micrometres: {size}")


def load(name: str) -> ModuleType:
    """Returns the module of a format."""
    return importlib.import_module(f"{__name__}.{_MODULES[name]}")
