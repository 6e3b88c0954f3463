"""Lists the images of a data set and their files."""

import os
import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from affinity_seg import files, names
from affinity_seg.data import image_names, mistakes, plane_choice, truth_forms, unlisted
from affinity_seg.data.plane_choice import PlaneChoice
from affinity_seg.data.truth_forms import Truths
from affinity_seg.rejected_inputs import RejectedInputs

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


class Item(NamedTuple):
    """One image of a data set.

    Attributes:
      name: Its key, unique in the data set, `names.normalized`; in Cityscapes
        "<city>_<sequence>_<frame>".
      filename: Its file relative to the folder of images, "/" separated.
      image_path: Path of the image.
      truth_path: Path of its truth, which need not exist: of its 16-bit instance image, its
        folder of masks, or a JSON file. None in layout `images`, and if a COCO file lacks it.
      form: The form of its truth, one of `truth_forms.FORMS`.
      choice: Which page and channels of its file are the image.
    """

    name: str
    filename: str
    image_path: str
    truth_path: str | None
    form: str = truth_forms.INSTANCES
    choice: PlaneChoice = plane_choice.ALL

    @property
    def has_truth(self) -> bool:
        """Whether there is truth, which must fit the pixels of the image."""
        is_there = os.path.isdir if self.form == truth_forms.MASKS else os.path.isfile
        return self.truth_path is not None and is_there(self.truth_path)

    @property
    def is_turned(self) -> bool:
        """Whether its EXIF orientation turns it; truth fits the pixels as they are stored."""
        return not self.has_truth

    @property
    def truth_name(self) -> str:
        """The truth for messages: its path and, if that holds several, the image."""
        if self.form == truth_forms.COCO:
            return f"{self.truth_path}: {self.filename}"
        return str(self.truth_path)

    def image_sha256(self) -> str:
        """Returns a hash of the image's file and of what is chosen of it, in hexadecimal digits.

        Raises:
          FileNotFoundError: There is no such file.
        """
        return self.choice.digest(files.sha256(self.image_path))


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
            "`split` must be a name of letters, digits, '_', '-' and '.', "
            f"as of a folder of leftImg8bit: {split!r}"
        )


def list_images(
    data_dir: str,
    layout: str,
    split: str = "",
    annotation: str = "gtFine",
    allowed: Collection[str] | None = None,
    choice: PlaneChoice = plane_choice.ALL,
) -> list[Item]:
    """Lists the images of a data set, sorted by name.

    Args:
      data_dir: Folder of the data set.
      layout: One of `LAYOUTS`.
      split: Part of the data set, for layout `cityscapes`, e.g. "train".
      annotation: One of `ANNOTATIONS`, for layout `cityscapes`.
      allowed: Some of `mistakes.NAMES`, which are warnings instead of errors; None: all are.
      choice: As of `Item`.

    Raises:
      FileNotFoundError: A folder is missing or has no image.
      ValueError: An argument breaks its rule, two images have the same name, pictures would be
        skipped and that is not allowed, or as `truth_forms.find`.
    """
    return _list(data_dir, layout, split, annotation, allowed, choice)[0]


def list_pictures(paths: Iterable[str], choice: PlaneChoice = plane_choice.ALL) -> list[Item]:
    """Lists pictures and the pictures of folders, sorted by name (the file's without extension).

    Args:
      paths: The pictures and folders.
      choice: As of `Item`.

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
            items.append(Item(image_names.key_of(file), file, path, None))
        else:
            raise FileNotFoundError(f"the image does not exist: {path}")
    return _sorted(item._replace(choice=choice) for item in items)


def list_labelled_images(
    data_dir: str,
    layout: str,
    split: str = "",
    annotation: str = "gtFine",
    rejected: RejectedInputs | None = None,
    allowed: Collection[str] | None = None,
    choice: PlaneChoice = plane_choice.ALL,
) -> list[Item]:
    """Lists the images as `list_images` does and makes sure that each has its truth.

    Args:
      data_dir: As in `list_images`; so are `layout`, `split` and `annotation`.
      rejected: Lists the images without truth, unless no image has one.
      allowed: As in `list_images`.
      choice: As of `Item`.

    Raises:
      FileNotFoundError: Truth is missing and not listed; the message names all.
      ValueError: The layout has no ground truth, or as in `list_images`.
    """
    items, truths = _list(data_dir, layout, split, annotation, allowed, choice)
    if truths is None:
        raise ValueError(f"`layout` {layout!r} has no truth; use one of {LABELLED_LAYOUTS}")
    missing = [item for item in items if not item.has_truth]
    if missing and (rejected is None or rejected.is_strict or len(missing) == len(items)):
        message = f"{truths.counted(len(missing))} {'is' if len(missing) == 1 else 'are'} missing"
        if layout == "folder" and not truths.paths:
            message += f"; {data_dir} must hold truth in one form: {truth_forms.PLACES}"
        lines = [_wanted(item) + _remark(item, truths) for item in missing]
        lines += filter(None, [_without_image(items, truths)])
        raise FileNotFoundError(message + ":\n  " + "\n  ".join(lines))
    for item in missing:
        reason = f"{_wanted(item)}: the {truths.word} is missing{_remark(item, truths)}"
        rejected.add(item.name, item.image_path, reason)
    unused = _without_image(items, truths)
    if unused:
        mistakes.warn(unused)
    without = set(missing)
    return [item for item in items if item not in without]


def _without_image(items: Iterable[Item], truths: Truths) -> str:
    """Returns what is to be said of truth that belongs to no image; empty if there is none."""
    keys = {truths.key(item.name, item.filename) for item in items}
    found = sorted(truths.paths.keys() - keys)
    if not found:
        return ""
    shown = found if truths.form == truth_forms.COCO else [truths.paths[key] for key in found]
    verb = "has" if len(found) == 1 else "have"
    counted = f"{len(found)} of {truths.counted(len(truths.paths))}"
    return f"{counted} {verb} no image: {mistakes.listed(shown)}"


def _list(
    data_dir: str,
    layout: str,
    split: str,
    annotation: str,
    allowed: Collection[str] | None,
    choice: PlaneChoice,
) -> tuple[list[Item], Truths | None]:
    """Returns what `list_images` does, and the truth of the layout, None if it has none."""
    if layout not in LAYOUTS:
        raise ValueError(f"`layout` must be one of {LAYOUTS}: {layout!r}")
    if annotation not in ANNOTATIONS:
        raise ValueError(f"`annotation` must be one of {ANNOTATIONS}: {annotation!r}")
    truths = _list_truths(data_dir, layout, split, annotation)
    if layout == "cityscapes":
        items = _list_cityscapes(data_dir, split, annotation, allowed)
    else:
        items = _list_folder(data_dir, layout, allowed)
    if truths is not None:
        items = [_with_truth(item, truths) for item in items]
    return _sorted(item._replace(choice=choice) for item in items), truths


def _with_truth(item: Item, truths: Truths) -> Item:
    """Returns an image with the place of its truth, also if that is missing."""
    path = truths.paths.get(truths.key(item.name, item.filename))
    path = path or item.truth_path or truths.expected(item.filename)
    return item._replace(truth_path=path, form=truths.form)


def _remark(item: Item, truths: Truths) -> str:
    """Returns a remark on an image without truth: what is there under a similar name."""
    others, why = [], "only PNG and TIFF keep ids as they are"
    if item.form == truth_forms.COCO:
        others, why = truths.paths, "the names of the files must be the same"
    elif item.form == truth_forms.INSTANCES:
        folder = os.path.dirname(item.truth_path)
        others = [f for f in truth_forms.visible(folder) if not os.path.isdir(f"{folder}/{f}")]
    wanted = image_names.key_of(item.filename if item.truth_path is None else item.truth_path)
    similar = [file for file in others if image_names.key_of(file) == wanted]
    return f"; {similar[0]} is there, but {why}" if similar else ""


def _wanted(item: Item) -> str:
    """Returns where the truth of an image was looked for."""
    return item.image_path if item.truth_path is None else item.truth_path


def _sorted(items: Iterable[Item]) -> list[Item]:
    """Sorts by name and makes sure that names differ, in more than upper and lower case.

    Results are files that are named after images. Some file systems ignore the case, those of
    Windows and macOS among them: there one result would overwrite the other.
    """
    items = sorted(items)
    seen: dict[str, Item] = {}
    for item in items:
        first = seen.setdefault(item.name.casefold(), item)
        if first is not item:
            more = "" if first.name == item.name else " in more than upper and lower case"
            raise ValueError(
                f"names of images must differ{more}: {names.escaped(first.image_path)} and "
                f"{names.escaped(item.image_path)}; results are named after them, so rename one"
            )
    return items


def _list_cityscapes(
    data_dir: str, split: str, annotation: str, allowed: Collection[str] | None
) -> list[Item]:
    root = os.path.join(data_dir, "leftImg8bit")
    items, skipped = [], []
    found = _list_folder_names(os.path.join(root, split))
    cities = [city for city in found if os.path.isdir(os.path.join(root, split, city))]
    for city in cities:
        folder = os.path.join(root, split, city)
        taken = [
            f for f in truth_forms.visible(folder) if f.endswith(image_names.CITYSCAPES_SUFFIX)
        ]
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
    return _checked(items, folder, "<city>/*" + image_names.CITYSCAPES_SUFFIX, skipped, allowed)


def _list_folder(data_dir: str, layout: str, allowed: Collection[str] | None) -> list[Item]:
    scenes = truth_forms.scenes(data_dir) if layout == "folder" else []
    if scenes:
        return _list_scenes(data_dir, scenes, allowed)
    images = os.path.join(data_dir, "images") if layout == "folder" else data_dir
    found = [file for file in _list_folder_names(images) if image_names.is_image(file)]
    items = [
        Item(image_names.key_of(file), file, os.path.join(images, file), None) for file in found
    ]
    skipped = unlisted.find_pictures(images, found)
    pattern = "*{" + ",".join(image_names.SUFFIXES) + "}"
    return _checked(items, images, pattern, skipped, allowed)


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


def _list_truths(data_dir: str, layout: str, split: str, annotation: str) -> Truths | None:
    """Returns the truth of a data set, None if its layout has none.

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


def _list_folder_names(folder: str) -> list[str]:
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"the folder of images does not exist: {folder}")
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
