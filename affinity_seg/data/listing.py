"""Lists the images of a data set and their files."""

import itertools
import os
import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from affinity_seg import names
from affinity_seg.data import mistakes, unlisted
from affinity_seg.rejected_inputs import RejectedInputs

LABELLED_LAYOUTS = ("cityscapes", "folder")
"""Those of `LAYOUTS` with truth."""

LAYOUTS = (*LABELLED_LAYOUTS, "images")
"""Layouts of the files of a data set.

`cityscapes`: leftImg8bit/<split>/<city>/<name>_leftImg8bit.png and, for annotation gtFine,
  gtFine/<split>/<city>/<name>_gtFine_instanceIds.png.
`folder`: images/<name>.png (or .jpg, .jpeg, .bmp, .tif, .tiff) and instances/<name>.png.
`images`: a folder of pictures without truth.
"""

PATTERN_LAYOUTS = ("glob", "tfrecords")
"""Layouts that only runs on Beam read: pictures that match a pattern, and TFRecord files of
`affinity_seg prepare` that match a pattern."""

SOURCE_LAYOUTS = (*LAYOUTS, *PATTERN_LAYOUTS)

ANNOTATIONS = ("gtFine", "gtCoarse")
"""The two annotations of layout `cityscapes`."""

_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
_CITYSCAPES_SUFFIX = "_leftImg8bit.png"
_INSTANCES_SUFFIX = ".png"


class Item(NamedTuple):
    """One image of a data set.

    Attributes:
      name: Its key, unique in the data set, `names.normalized`; in Cityscapes
        "<city>_<sequence>_<frame>".
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


def check_names(item: Item) -> None:
    """Checks that an image's key can be a file name, and that its file's name fits into records.

    Raises:
      ValueError: The file's name is not UTF-8, or the key breaks a rule of `names.check`.
    """
    names.check_utf8(item.filename, item.image_path)
    names.check(item.name, item.image_path)


def check_split(split: str) -> None:
    """Raises ValueError unless `split` is a plain name, without folders."""
    if not re.fullmatch(r"\w[\w.-]*", split):
        raise ValueError(
            "`split` must be a name of rejected, digits, '_', '-' and '.', "
            f"as of a folder of leftImg8bit: {split!r}"
        )


def list_images(
    data_dir: str,
    layout: str,
    split: str = "",
    annotation: str = "gtFine",
    allowed: Collection[str] | None = None,
) -> list[Item]:
    """Lists the images of a data set, sorted by name.

    Args:
      data_dir: Folder of the data set.
      layout: One of `LAYOUTS`.
      split: Part of the data set, for layout `cityscapes`, e.g. "train".
      annotation: One of `ANNOTATIONS`, for layout `cityscapes`.
      allowed: Some of `mistakes.NAMES`, which are warnings instead of errors; None: all are.

    Raises:
      FileNotFoundError: A folder is missing or has no image.
      ValueError: An argument breaks its rule, two images have the same name, or pictures would be
        skipped and that is not allowed.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"`layout` must be one of {LAYOUTS}: {layout!r}")
    if annotation not in ANNOTATIONS:
        raise ValueError(f"`annotation` must be one of {ANNOTATIONS}: {annotation!r}")
    truths = _list_truths(data_dir, layout, split, annotation)
    if layout == "cityscapes":
        items = _list_cityscapes(data_dir, split, annotation, allowed)
    else:
        items = _list_folder(data_dir, layout, allowed)
    return _sorted(
        item._replace(instance_path=truths.get(item.name, item.instance_path)) for item in items
    )


def list_pictures(paths: Iterable[str]) -> list[Item]:
    """Lists pictures and the pictures of folders, sorted by name (the file's without extension).

    Raises:
      FileNotFoundError: A path is missing, or a folder has no picture.
      ValueError: Two pictures have the same name.
    """
    items = []
    for path in paths:
        if os.path.isdir(path):
            items += _list_folder(path, "images", None)
        elif os.path.exists(path):
            file = os.path.basename(path)
            name = names.normalized(os.path.splitext(file)[0])
            items.append(Item(name, file, path, None))
        else:
            raise FileNotFoundError(f"the image does not exist: {path}")
    return _sorted(items)


def name_of(filename: str) -> str:
    """Returns the key of an image, its file's name without folders and suffix, in NFC."""
    file = names.normalized(filename.rsplit("/", 1)[-1])
    if file.endswith(_CITYSCAPES_SUFFIX):
        return file[: -len(_CITYSCAPES_SUFFIX)]
    name, suffix = os.path.splitext(file)
    return name if suffix.lower() in _IMAGE_SUFFIXES else file


def list_labelled_images(
    data_dir: str,
    layout: str,
    split: str = "",
    annotation: str = "gtFine",
    rejected: RejectedInputs | None = None,
    allowed: Collection[str] | None = None,
) -> list[Item]:
    """Lists the images as `list_images` does and makes sure that each has its instance image.

    Args:
      data_dir: As in `list_images`; so are `layout`, `split` and `annotation`.
      rejected: Lists the images without an instance image, unless no image has one.
      allowed: As in `list_images`.

    Raises:
      FileNotFoundError: Instance images are missing and not listed; the message names all.
      ValueError: The layout has no ground truth, or as in `list_images`.
    """
    items = list_images(data_dir, layout, split, annotation, allowed)
    if layout not in LABELLED_LAYOUTS:
        raise ValueError(f"`layout` {layout!r} has no truth; use one of {LABELLED_LAYOUTS}")
    missing = [item for item in items if not os.path.isfile(item.instance_path)]
    if missing and (rejected is None or rejected.is_strict or len(missing) == len(items)):
        raise FileNotFoundError(
            mistakes.counted(len(missing), "instance image is", "instance images are")
            + " missing:\n  "
            + "\n  ".join(item.instance_path + _other_file(item) for item in missing)
        )
    for item in missing:
        reason = f"{item.instance_path}: the instance image is missing{_other_file(item)}"
        rejected.add(item.name, item.image_path, reason)
    truths = _list_truths(data_dir, layout, split, annotation)
    without_image = sorted(truths.keys() - {item.name for item in items})
    if without_image:
        mistakes.warn(
            f"{len(without_image)} of "
            + mistakes.counted(len(truths), "instance image", "instance images")
            + f" {'has' if len(without_image) == 1 else 'have'} no image: "
            + mistakes.listed([truths[name] for name in without_image])
        )
    without = set(missing)
    return [item for item in items if item not in without]


def _sorted(items: Iterable[Item]) -> list[Item]:
    """Sorts by name and makes sure that names differ."""
    items = sorted(items)
    for first, second in itertools.pairwise(items):
        if first.name == second.name:
            raise ValueError(
                f"names of images must differ: {names.escaped(first.image_path)} and "
                f"{names.escaped(second.image_path)}"
            )
    return items


def _list_cityscapes(
    data_dir: str, split: str, annotation: str, allowed: Collection[str] | None
) -> list[Item]:
    check_split(split)
    root = os.path.join(data_dir, "leftImg8bit")
    items, skipped = [], []
    found = _list_folder_names(os.path.join(root, split))
    cities = [city for city in found if os.path.isdir(os.path.join(root, split, city))]
    for city in cities:
        folder = os.path.join(root, split, city)
        taken = [f for f in _visible(folder) if f.endswith(_CITYSCAPES_SUFFIX)]
        for file in taken:
            name = name_of(file)
            truth = os.path.join(data_dir, annotation, split, city, name)
            items.append(
                Item(
                    name=name,
                    filename=f"{city}/{file}",
                    image_path=os.path.join(folder, file),
                    instance_path=f"{truth}_{annotation}_instanceIds.png",
                )
            )
        skipped += [f"{city}/{file}" for file in unlisted.find_pictures(folder, taken)]
    folder = os.path.join(root, split)
    skipped += unlisted.find_pictures(folder, cities)
    return _checked(items, folder, "<city>/*" + _CITYSCAPES_SUFFIX, skipped, allowed)


def _list_folder(data_dir: str, layout: str, allowed: Collection[str] | None) -> list[Item]:
    images = os.path.join(data_dir, "images") if layout == "folder" else data_dir
    items = []
    for file in _list_folder_names(images):
        name, suffix = os.path.splitext(file)
        if suffix.lower() not in _IMAGE_SUFFIXES:
            continue
        truth = os.path.join(data_dir, "instances", name + ".png") if layout == "folder" else None
        items.append(Item(names.normalized(name), file, os.path.join(images, file), truth))
    skipped = unlisted.find_pictures(images, {item.filename for item in items})
    pattern = "*{" + ",".join(_IMAGE_SUFFIXES) + "}"
    return _checked(items, images, pattern, skipped, allowed)


def _list_truths(data_dir: str, layout: str, split: str, annotation: str) -> dict[str, str]:
    """Returns the paths of all instance images, by the name of their image.

    Raises:
      ValueError: Two have the same name.
    """
    if layout == "cityscapes":
        check_split(split)
        root = os.path.join(data_dir, annotation, split)
        folders = [os.path.join(root, city) for city in _visible(root)]
        suffix = f"_{annotation}_instanceIds{_INSTANCES_SUFFIX}"
    else:
        folders = [os.path.join(data_dir, "instances")] if layout == "folder" else []
        suffix = _INSTANCES_SUFFIX
    truths: dict[str, str] = {}
    for path in (os.path.join(folder, file) for folder in folders for file in _visible(folder)):
        if path.lower().endswith(suffix.lower()) and not os.path.isdir(path):
            name = names.normalized(os.path.basename(path)[: -len(suffix)])
            if name in truths:
                raise ValueError(
                    f"names of instance images must differ: {names.escaped(truths[name])} and "
                    f"{names.escaped(path)}"
                )
            truths[name] = path
    return truths


def _other_file(item: Item) -> str:
    """Returns a remark if an image's instance image exists in another format than PNG."""
    folder, file = os.path.split(item.instance_path)
    stem = names.normalized(os.path.splitext(file)[0])
    others = [
        file
        for file in _visible(folder)
        if names.normalized(os.path.splitext(file)[0]) == stem
        and not os.path.isdir(os.path.join(folder, file))
    ]
    return f"; {others[0]} is there, but only PNG keeps ids as they are" if others else ""


def _visible(folder: str) -> list[str]:
    """Returns the names in a folder without hidden ones, sorted; empty if there is no folder."""
    found = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(file for file in found if not unlisted.is_hidden(file))


def _list_folder_names(folder: str) -> list[str]:
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"the folder of images does not exist: {folder}")
    return _visible(folder)


def _checked(
    items: list[Item],
    folder: str,
    pattern: str,
    skipped: list[str],
    allowed: Collection[str] | None,
) -> list[Item]:
    """Checks that there are images, and reports pictures that are skipped."""
    if not items:
        found = f"; not read are {mistakes.listed(skipped)}" if skipped else ""
        raise FileNotFoundError(f"there is no image {os.path.join(folder, pattern)}{found}")
    if skipped:
        one = len(skipped) == 1
        message = (
            f"{folder}: {mistakes.counted(len(skipped), 'picture', 'pictures')} beside "
            f"{mistakes.counted(len(items), 'image', 'images')} "
            f"{'is' if one else 'are'} not read, because "
            f"{'its name is' if one else 'their names are'} not {pattern}: "
            f"{mistakes.listed(skipped)}; convert {'it' if one else 'them'}, e.g. with "
            f"`mogrify -format png`, or take {'it' if one else 'them'} out"
        )
        if allowed is None:
            mistakes.warn(message)
        else:
            mistakes.refuse(mistakes.SKIPPED_IMAGES, message, allowed)
    return items
