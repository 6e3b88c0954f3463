"""Which images a data set has and where their files are."""

import itertools
import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from affinity_seg.dead_letters import DeadLetters

LABELLED_LAYOUTS = ("cityscapes", "folder")
"""Those of `LAYOUTS` with truth."""

LAYOUTS = (*LABELLED_LAYOUTS, "images")
"""How the files of a data set lie.

`cityscapes`: leftImg8bit/<split>/<city>/<name>_leftImg8bit.png and, for annotation gtFine,
  gtFine/<split>/<city>/<name>_gtFine_instanceIds.png.
`folder`: images/<name>.png (or .jpg, .jpeg, .bmp) and instances/<name>.png.
`images`: a folder of pictures without truth.
"""

ANNOTATIONS = ("gtFine", "gtCoarse")
"""The two annotations of layout `cityscapes`."""

_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
_CITYSCAPES_SUFFIX = "_leftImg8bit.png"


class Item(NamedTuple):
    """One image of a data set.

    Attributes:
      name: Its key, unique in the data set; in Cityscapes "<city>_<sequence>_<frame>".
      filename: Its file relative to the folder of images, "/" separated.
      image_path: Path of the image.
      instance_path: Path of its 16-bit instance image, which need not exist; None in layout
        `images`.
    """

    name: str
    filename: str
    image_path: str
    instance_path: str | None

    @property
    def has_truth(self) -> bool:
        """Whether there is an instance image, which must fit the pixels of the image."""
        return self.instance_path is not None and os.path.isfile(self.instance_path)


def check_split(split: str) -> None:
    """Raises ValueError unless `split` is a plain name, without folders."""
    if not re.fullmatch(r"\w[\w.-]*", split):
        raise ValueError(
            "`split` must be a name of letters, digits, '_', '-' and '.', "
            f"as of a folder of leftImg8bit: {split!r}"
        )


def list_images(
    data_dir: str, layout: str, split: str = "", annotation: str = "gtFine"
) -> list[Item]:
    """Lists the images of a data set, sorted by name.

    Args:
      data_dir: Folder of the data set.
      layout: One of `LAYOUTS`.
      split: Part of the data set, for layout `cityscapes`, e.g. "train".
      annotation: One of `ANNOTATIONS`, for layout `cityscapes`.

    Raises:
      FileNotFoundError: A folder is missing or has no image.
      ValueError: An argument breaks its rule, or two images have the same name.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"`layout` must be one of {LAYOUTS}: {layout!r}")
    if annotation not in ANNOTATIONS:
        raise ValueError(f"`annotation` must be one of {ANNOTATIONS}: {annotation!r}")
    if layout == "cityscapes":
        items = _list_cityscapes(data_dir, split, annotation)
    else:
        items = _list_folder(data_dir, layout)
    return _sorted(items)


def list_pictures(paths: Iterable[str]) -> list[Item]:
    """Lists pictures and the pictures of folders, sorted by name, which is the file's without end.

    Raises:
      FileNotFoundError: A path is missing, or a folder has no picture.
      ValueError: Two pictures have the same name.
    """
    items = []
    for path in paths:
        if os.path.isdir(path):
            items += _list_folder(path, "images")
        elif os.path.exists(path):
            file = os.path.basename(path)
            items.append(Item(os.path.splitext(file)[0], file, path, None))
        else:
            raise FileNotFoundError(f"the image does not exist: {path}")
    return _sorted(items)


def name_of(filename: str) -> str:
    """Returns the key of an image, its file's name without folders and suffix."""
    file = filename.rsplit("/", 1)[-1]
    if file.endswith(_CITYSCAPES_SUFFIX):
        return file[: -len(_CITYSCAPES_SUFFIX)]
    name, suffix = os.path.splitext(file)
    return name if suffix.lower() in _IMAGE_SUFFIXES else file


def list_labelled_images(
    data_dir: str,
    layout: str,
    split: str = "",
    annotation: str = "gtFine",
    letters: DeadLetters | None = None,
) -> list[Item]:
    """Lists the images as `list_images` does and makes sure that each has its instance image.

    Args:
      data_dir: As of `list_images`, and so are `layout`, `split` and `annotation`.
      letters: Lists the images that lack theirs, unless all do.

    Raises:
      FileNotFoundError: Instance images are missing and not listed; all are named.
      ValueError: The layout has none.
    """
    items = list_images(data_dir, layout, split, annotation)
    if layout not in LABELLED_LAYOUTS:
        raise ValueError(f"`layout` {layout!r} has no truth; use one of {LABELLED_LAYOUTS}")
    missing = [item for item in items if not os.path.isfile(item.instance_path)]
    if missing and (letters is None or letters.is_strict or len(missing) == len(items)):
        raise FileNotFoundError(
            f"{len(missing)} instance images are missing:\n  "
            + "\n  ".join(item.instance_path for item in missing)
        )
    for item in missing:
        reason = f"{item.instance_path}: the instance image is missing"
        letters.add(item.name, item.image_path, reason)
    without = set(missing)
    return [item for item in items if item not in without]


def _sorted(items: list[Item]) -> list[Item]:
    """Sorts by name and makes sure that names differ."""
    items = sorted(items)
    for first, second in itertools.pairwise(items):
        if first.name == second.name:
            raise ValueError(
                f"names of images must differ: {first.image_path} and {second.image_path}"
            )
    return items


def _list_cityscapes(data_dir: str, split: str, annotation: str) -> list[Item]:
    check_split(split)
    root = os.path.join(data_dir, "leftImg8bit")
    items = []
    for city in _list_folder_names(os.path.join(root, split)):
        if not os.path.isdir(os.path.join(root, split, city)):
            continue
        for file in os.listdir(os.path.join(root, split, city)):
            if not file.endswith(_CITYSCAPES_SUFFIX) or file.startswith("."):
                continue
            name = name_of(file)
            items.append(
                Item(
                    name=name,
                    filename=f"{city}/{file}",
                    image_path=os.path.join(root, split, city, file),
                    instance_path=os.path.join(
                        data_dir, annotation, split, city, f"{name}_{annotation}_instanceIds.png"
                    ),
                )
            )
    return _require(items, os.path.join(root, split, "<city>", "*" + _CITYSCAPES_SUFFIX))


def _list_folder(data_dir: str, layout: str) -> list[Item]:
    images = os.path.join(data_dir, "images") if layout == "folder" else data_dir
    items = []
    for file in _list_folder_names(images):
        name, suffix = os.path.splitext(file)
        if suffix.lower() not in _IMAGE_SUFFIXES or file.startswith("."):
            continue
        truth = os.path.join(data_dir, "instances", name + ".png") if layout == "folder" else None
        items.append(Item(name, file, os.path.join(images, file), truth))
    return _require(items, os.path.join(images, "*{" + ",".join(_IMAGE_SUFFIXES) + "}"))


def _list_folder_names(folder: str) -> list[str]:
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"the folder of images does not exist: {folder}")
    return os.listdir(folder)


def _require(items: list[Item], pattern: str) -> list[Item]:
    if not items:
        raise FileNotFoundError(f"there is no image {pattern}")
    return items
