"""The layouts of data sets: where their images and the truth of these lie."""

import os
import re
from collections.abc import Collection

from affinity_seg.data import image_names, mistakes, truth_forms, unlisted
from affinity_seg.data.image_names import CITYSCAPES_SUFFIX
from affinity_seg.data.items import Item
from affinity_seg.data.truth_forms import Truths

LABELLED_LAYOUTS = ("cityscapes", "folder")
"""Those of `LAYOUTS` with truth."""

LAYOUTS = (*LABELLED_LAYOUTS, "images")
"""Layouts of the files of a data set.

`cityscapes`: leftImg8bit/<split>/<city>/<name>_leftImg8bit.png and, for annotation gtFine,
  gtFine/<split>/<city>/<name>_gtFine_instanceIds.png.
`folder`: images/<name>.png (or .jpg, .jpeg, .bmp, .tif, .tiff) and truth in one of the forms of
  `truth_forms`, e.g. instances/<name>.png.
`images`: a folder of pictures without truth.
"""

PATTERN_LAYOUTS = ("glob", "tfrecords")
"""Layouts that only runs on Beam read: pictures that match a pattern, and TFRecord files of
`affinity_seg prepare` that match a pattern."""

SOURCE_LAYOUTS = (*LAYOUTS, *PATTERN_LAYOUTS)

ANNOTATIONS = ("gtFine", "gtCoarse")
"""The two annotations of layout `cityscapes`."""


def check_split(split: str) -> None:
    """Raises ValueError unless `split` is a plain name, without folders."""
    if not re.fullmatch(r"\w[\w.-]*", split):
        raise ValueError(
            "`split` must be a name of letters, digits, '_', '-' and '.', "
            f"as of a folder of leftImg8bit: {split!r}"
        )


def find_images(
    data_dir: str, layout: str, split: str, annotation: str, allowed: Collection[str] | None
) -> list[Item]:
    """Lists the images of a data set, in any order.

    Args:
      data_dir: Folder of the data set.
      layout: One of `LAYOUTS`.
      split: Part of the data set, for layout `cityscapes`.
      annotation: One of `ANNOTATIONS`, for layout `cityscapes`.
      allowed: Some of `mistakes.NAMES`, which are warnings instead of errors; None: all are.

    Returns:
      The images; those of Cityscapes with the place of their truth.

    Raises:
      FileNotFoundError: A folder is missing or has no image.
      ValueError: An argument breaks its rule, or pictures would be skipped and that is not allowed.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"`layout` must be one of {LAYOUTS}: {layout!r}")
    if annotation not in ANNOTATIONS:
        raise ValueError(f"`annotation` must be one of {ANNOTATIONS}: {annotation!r}")
    if layout == "cityscapes":
        check_split(split)
        return _list_cityscapes(data_dir, split, annotation, allowed)
    scenes = truth_forms.scenes(data_dir) if layout == "folder" else []
    if scenes:
        return _list_scenes(data_dir, scenes, allowed)
    if layout == "images":
        return list_folder(data_dir, allowed)
    rule = f"pictures must lie in `images`, and truth in one form: {truth_forms.PLACES}"
    remark = f"; {rule}" if os.path.isdir(data_dir) else ""
    return list_folder(os.path.join(data_dir, "images"), allowed, remark)


def find_truths(data_dir: str, layout: str, split: str, annotation: str) -> Truths | None:
    """Lists the truth of a data set; None if its layout has none.

    Arguments are those of `find_images`.

    Raises:
      ValueError: As `truth_forms.find`.
    """
    if layout == "folder":
        return truth_forms.find(data_dir)
    if layout != "cityscapes":
        return None
    check_split(split)
    root = os.path.join(data_dir, annotation, split)
    folders = [os.path.join(root, city) for city in truth_forms.visible(root)]
    suffix = f"_{annotation}_instanceIds.png"
    paths = truth_forms.by_name(folders, (suffix,))
    return Truths(truth_forms.INSTANCES, root, paths, suffix)


def list_folder(folder: str, allowed: Collection[str] | None, remark: str = "") -> list[Item]:
    """Lists the pictures of a folder.

    Args:
      folder: The folder.
      allowed: As in `find_images`, whose errors are raised.
      remark: What a message adds if there is no such folder.
    """
    found = [
        file
        for file in _names_in(folder, remark)
        if image_names.is_image(file) and not os.path.isdir(os.path.join(folder, file))
    ]
    items = [
        Item(image_names.key_of(file), file, os.path.join(folder, file), None) for file in found
    ]
    skipped = unlisted.find_pictures(folder, found)
    pattern = "*{" + ",".join(image_names.SUFFIXES) + "}"
    return _checked(items, folder, pattern, skipped, allowed)


def _list_cityscapes(
    data_dir: str, split: str, annotation: str, allowed: Collection[str] | None
) -> list[Item]:
    root = os.path.join(data_dir, "leftImg8bit")
    items, skipped = [], []
    found = _names_in(os.path.join(root, split))
    cities = [city for city in found if os.path.isdir(os.path.join(root, split, city))]
    for city in cities:
        folder = os.path.join(root, split, city)
        taken = [f for f in truth_forms.visible(folder) if f.endswith(CITYSCAPES_SUFFIX)]
        for file in taken:
            name = image_names.name_of(file)
            truth = os.path.join(data_dir, annotation, split, city, name)
            items.append(
                Item(
                    name=name,
                    filename=f"{city}/{file}",
                    image_path=os.path.join(folder, file),
                    truth_path=f"{truth}_{annotation}_instanceIds.png",
                )
            )
        skipped += [f"{city}/{file}" for file in unlisted.find_pictures(folder, taken)]
    folder = os.path.join(root, split)
    skipped += unlisted.find_pictures(folder, cities)
    return _checked(items, folder, "<city>/*" + CITYSCAPES_SUFFIX, skipped, allowed)


def _list_scenes(data_dir: str, scenes: list[str], allowed: Collection[str] | None) -> list[Item]:
    """Lists the images of the Data Science Bowl, <name>/images/<name>.png."""
    items = []
    for scene in scenes:
        folder = os.path.join(data_dir, scene, "images")
        found = [file for file in truth_forms.visible(folder) if image_names.is_image(file)]
        if len(found) != 1:
            shown = mistakes.listed(found) or "none"
            raise ValueError(
                f"{folder}: must hold one picture: {len(found)}, {shown}; put the picture of the "
                f"masks there alone, or take the folder {scene} out"
            )
        path = os.path.join(folder, found[0])
        items.append(Item(image_names.key_of(path), f"{scene}/images/{found[0]}", path, None))
    skipped = unlisted.find_pictures(data_dir, scenes)
    return _checked(items, data_dir, "<name>/images/*", skipped, allowed)


def _names_in(folder: str, remark: str = "") -> list[str]:
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"the folder of images does not exist: {folder}{remark}")
    return truth_forms.visible(folder)


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
        message = _skipped_message(skipped, folder, pattern, len(items))
        if allowed is None:
            mistakes.warn(message)
        else:
            mistakes.refuse(mistakes.SKIPPED_IMAGES, message, allowed)
    return items


def _skipped_message(skipped: list[str], folder: str, pattern: str, num_images: int) -> str:
    """Returns what is to be said of pictures, and of folders with pictures, that are not read."""
    num_folders = sum(name.endswith("/") for name in skipped)
    one, only_folders = len(skipped) == 1, num_folders == len(skipped)
    kind = "folder" if only_folders else "picture"
    contents = " with pictures" if only_folders else ""
    message = (
        f"{folder}: {mistakes.counted(len(skipped), kind, f'{kind}s')}{contents} beside "
        f"{mistakes.counted(num_images, 'image', 'images')} {'is' if one else 'are'} not read"
    )
    if only_folders:
        message += f": {mistakes.listed(skipped)}"
    else:
        message += (
            f", because {'its name is' if one else 'their names are'} not {pattern}: "
            f"{mistakes.listed(skipped)}; convert {'it' if one else 'them'}, e.g. with "
            f"{unlisted.converter(skipped)}, or take {'it' if one else 'them'} out"
        )
    if num_folders:
        message += "; pictures of a folder must be moved beside the others to be read"
    return message
