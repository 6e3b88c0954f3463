"""Lists the images of a data set, with their truth."""

import glob
import itertools
import os
import shlex
from collections.abc import Collection, Iterable

from affinity_seg import names
from affinity_seg.data import image_names, layouts, mistakes, plane_choice, truth_forms, unlisted
from affinity_seg.data.items import Item
from affinity_seg.data.plane_choice import PlaneChoice
from affinity_seg.data.truth_forms import Truths
from affinity_seg.rejected_inputs import RejectedInputs

_SHOWN_FOLDERS = 3


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
      layout: One of `layouts.LAYOUTS`.
      split: Part of the data set, for layout `cityscapes`, e.g. "train".
      annotation: One of `layouts.ANNOTATIONS`, for layout `cityscapes`.
      allowed: Some of `mistakes.NAMES`, which are warnings instead of errors; None: all are.
      choice: As of `Item`.

    Raises:
      FileNotFoundError: A folder is missing or has no image.
      ValueError: An argument breaks its rule, two images have the same name, pictures would be
        skipped and that is not allowed, or as `truth_forms.find`.
    """
    return _list(data_dir, layout, split, annotation, allowed, choice)[0]


def list_pictures(paths: Iterable[str], choice: PlaneChoice = plane_choice.ALL) -> list[Item]:
    """Lists pictures and the pictures of folders, sorted by name.

    The name is the file's without extension, followed by `PlaneChoice.suffix`.

    Args:
      paths: The pictures and folders.
      choice: As of `Item`.

    Raises:
      FileNotFoundError: A path is missing, or a folder has no picture; the message names its
        folders that have some.
      ValueError: Two pictures have the same name.
    """
    items = []
    for path in paths:
        if os.path.isdir(path):
            items += _list_pictures_of(path)
        elif os.path.exists(path):
            file = os.path.basename(path)
            items.append(Item(image_names.key_of(file), file, path, None))
        else:
            message = f"the image does not exist: {path}"
            if glob.has_magic(path):
                message += "; it must be a file or a folder, not a pattern"
            raise FileNotFoundError(message)
    return _sorted(i._replace(name=i.name + choice.suffix, choice=choice) for i in items)


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
      FileNotFoundError: Truth is missing and not listed; the message names all, or the first if no
        image has one.
      ValueError: The layout has no ground truth, or as in `list_images`.
    """
    items, truths = _list(data_dir, layout, split, annotation, allowed, choice)
    if truths is None:
        raise ValueError(f"`layout` {layout!r} has no truth; use one of {layouts.LABELLED_LAYOUTS}")
    missing = [item for item in items if not item.has_truth]
    if missing and (rejected is None or rejected.is_strict or len(missing) == len(items)):
        message = f"{truths.counted(len(missing))} {'is' if len(missing) == 1 else 'are'} missing"
        if layout == "folder" and not truths.paths:
            message += f"; {data_dir} must hold truth in one form: {truth_forms.PLACES}"
        lines = [_wanted(item) + _remark(item, truths) for item in missing]
        if len(missing) == len(items):
            lines = [mistakes.listed(lines)]
        unused = _without_image(items, truths)
        if unused:
            lines.append(f"{unused}; each {truths.word} must have the name of its image")
        raise FileNotFoundError(message + ":\n  " + "\n  ".join(lines))
    for item in missing:
        reason = f"{_wanted(item)}: the {truths.word} is missing{_remark(item, truths)}"
        rejected.add(item.name, item.image_path, reason)
    unused = _without_image(items, truths)
    if unused:
        mistakes.warn(unused)
    without = set(missing)
    return [item for item in items if item not in without]


def _list_pictures_of(folder: str) -> list[Item]:
    """Lists the pictures of a folder; if only its folders have some, the message names these."""
    try:
        return layouts.list_folder(folder, None)
    except FileNotFoundError as error:
        nested = list(itertools.islice(unlisted.folders_with_pictures(folder), _SHOWN_FOLDERS))
        if not nested:
            raise
        flag = shlex.quote(f"--input={os.path.join(folder, nested[0])}")
        raise FileNotFoundError(
            f"{folder} holds no pictures that are read, but its folders do, such as "
            f"{', '.join(nested)}; name one of them, `{flag}`, or several if the names of "
            "all their pictures differ"
        ) from error


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
    items = layouts.find_images(data_dir, layout, split, annotation, allowed)
    truths = layouts.find_truths(data_dir, layout, split, annotation)
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
