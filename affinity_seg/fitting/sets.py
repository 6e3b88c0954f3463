"""The images of a fit: how the input is listed, split, and recognised again."""

import hashlib
import os
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from affinity_seg import class_tables, labels
from affinity_seg.analysis import candidates
from affinity_seg.data import (
    checks,
    listing,
    mistakes,
    plane_choice,
    tfrecords,
    truth_files,
)
from affinity_seg.data.items import Item
from affinity_seg.data.plane_choice import PlaneChoice
from affinity_seg.fitting.plan import Choice, Plan
from affinity_seg.rejected_inputs import RejectedInputs

_MOST_TUNING, _MOST_JUDGING = 20, 40
_TUNING_SHARE, _JUDGING_SHARE = 0.1, 0.2
_ENOUGH_TO_TUNE = 8
_FEW_PARTS = ("thresholds", "min_pixels")
"""With fewer images than the first, only the second, what depends on the data most, is tuned."""

_LEAST_SPLIT = 4
"""With fewer images than this none is held out."""

VAL = "val/"
"""Precedes the names of images of `val` where they stand beside those of `train`."""


class Images(NamedTuple):
    """The images of an input.

    Attributes:
      train: Those of `train`, or all.
      val: Those of `val`; empty if there is none.
    """

    train: list[Item]
    val: list[Item]

    @property
    def everything(self) -> list[Item]:
        """All images."""
        return [*self.train, *self.val]


class Split(NamedTuple):
    """What each image is used for.

    Attributes:
      train: Trained on.
      tuning: The preset is tuned on them.
      judged: The model is judged on them.
    """

    train: list[Item]
    tuning: list[Item]
    judged: list[Item]


def list_input(
    folder: str,
    layout: str,
    rejected: RejectedInputs | None = None,
    allowed: Collection[str] = (),
    choice: PlaneChoice = plane_choice.ALL,
) -> Images:
    """Lists the images of an input with `train` and perhaps `val`, or of one without parts.

    Args:
      folder: The input.
      layout: One of `layouts.LABELLED_LAYOUTS`; of `cityscapes` the splits train and val are read.
      rejected: As in `listing.list_labelled_images`; so are `allowed` and `choice`. The names of
        `val` begin with `VAL`.

    Raises:
      FileNotFoundError: There is no such folder, or it has no image or lacks truth.
      ValueError: As in `listing.list_labelled_images`.
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"`input` must be a folder that exists: {folder}")

    def listed(part: str) -> list[Item]:
        path = os.path.join(folder, part) if layout == "folder" else folder
        split = part if layout == "cityscapes" else ""
        left_out = rejected.part(VAL) if rejected is not None and part == "val" else rejected
        return listing.list_labelled_images(
            path, layout, split, rejected=left_out, allowed=allowed, choice=choice
        )

    above = folder if layout == "folder" else os.path.join(folder, "leftImg8bit")
    has = {part: os.path.isdir(os.path.join(above, part)) for part in ("train", "val")}
    if layout == "folder" and not has["train"]:
        if has["val"]:
            raise FileNotFoundError(f"{folder}: there is `val` but no `train` to train on")
        return Images(listed(""), [])
    return Images(listed("train"), listed("val") if has["val"] else [])


def hashes(images: Images) -> dict[str, str]:
    """Returns the SHA-256 of each image with its truth by "train/name" or "val/name"."""
    return {
        f"{part}/{item.name}": _hash(item)
        for part, items in images._asdict().items()
        for item in items
    }


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Returns in words how the images of an input have changed; empty if they have not."""
    found = []
    for what, names in (
        ("added", now.keys() - before.keys()),
        ("missing", before.keys() - now.keys()),
        ("changed", [name for name in before.keys() & now.keys() if before[name] != now[name]]),
    ):
        if names:
            found.append(f"{len(names)} {what} ({mistakes.listed(sorted(names))})")
    return ", ".join(found)


def locate_class_table(folder: str, value: str) -> str:
    """Returns the path of the class table of a plan in `folder`, where it may lie, or its name."""
    own = os.path.join(folder, value)
    return os.path.abspath(own) if os.path.isfile(own) else value


def find_class_table(folder: str, value: str) -> labels.ClassTable:
    """Returns the class table of a plan in `folder`."""
    return class_tables.load_class_table(locate_class_table(folder, value))


def split_choices(
    images: Images, num_with_objects: int, seed: int, keeps_start: bool = False
) -> Plan:
    """Returns the choices of the images that are held out, and of what is tuned on them.

    Args:
      images: All images that can be used.
      num_with_objects: Those of `train` with objects.
      seed: The seed.
      keeps_start: Whether the training keeps what another model knows, which has a tuned preset.
    """
    count = len(images.train)
    can_split = num_with_objects >= _LEAST_SPLIT
    tuning = judging = 0  # Of the images with objects, so that enough of these are left.
    if can_split:
        tuning = min(max(1, round(_TUNING_SHARE * num_with_objects)), _MOST_TUNING)
    if can_split and not images.val:
        judging = min(max(1, round(_JUDGING_SHARE * num_with_objects)), _MOST_JUDGING)
    few = f"there are only {num_with_objects} training images with objects"
    if images.val:
        judged = f"None of `train`: the model is judged on the {len(images.val)} images of `val`."
    elif judging:
        judged = f"The input has no `val`, so of its {count} images these judge the model only."
    else:
        judged = f"None is held out, since {few}: the scores are of images that it has seen."
    return Plan(
        seed=Choice(seed, "Chooses these images, and is the seed of weights and crops."),
        tuning_images=Choice(
            tuning,
            (
                f"So many of the {count} images are not trained on; the preset is tuned on them."
                if tuning
                else f"None is held out, since {few}: the preset is tuned on images it has seen."
            ),
        ),
        tuning_parts=_tuning_parts(tuning, keeps_start),
        judging_images=Choice(judging, judged),
    )


def _tuning_parts(count: int, keeps_start: bool) -> Choice:
    """Returns the choice of what is tuned on `count` images."""
    if count >= _ENOUGH_TO_TUNE:
        return Choice(list(candidates.PARTS), f"{count} images are enough to tune all of these.")
    if keeps_start:
        return Choice(
            [], f"Nothing: {count} images are too few to improve the preset of the model before."
        )
    return Choice(list(_FEW_PARTS), f"Only these: on {count} images the rest would be chance.")


def split(images: Images, with_objects: Collection[str], plan: Plan) -> Split:
    """Splits the images as a plan says; the images held out have objects.

    Args:
      images: All images that can be used.
      with_objects: Names of the images of `train` with objects.
      plan: The plan.

    Raises:
      ValueError: The plan holds out more images than there are.
    """
    seed, tuning, judging = map(plan.value, ("seed", "tuning_images", "judging_images"))
    names = sorted(item.name for item in images.train if item.name in with_objects)
    if tuning + judging >= max(len(names), 1):
        raise ValueError(
            f"`tuning_images` and `judging_images` must leave an image with "
            f"objects to train on, of {len(names)}: {tuning} and {judging}"
        )
    random.Random(seed).shuffle(names)
    held = {"tuning": set(names[:tuning]), "judged": set(names[tuning : tuning + judging])}
    out = held["tuning"] | held["judged"]
    train = [item for item in images.train if item.name not in out]
    chosen = {
        part: [item for item in images.train if item.name in names] for part, names in held.items()
    }
    seen = [item for item in images.train if item.name in with_objects]
    return Split(
        train,
        chosen["tuning"] or seen[:_MOST_TUNING],
        images.val or chosen["judged"] or seen[:_MOST_JUDGING],
    )


def check(
    items: Sequence[Item],
    class_table: labels.ClassTable,
    rejected: RejectedInputs,
    allowed: Collection[str],
) -> Iterator[checks.CheckedItem]:
    """Yields all images that can be used; at their end checks the masks as `prepare` does.

    Tells what became of overlapping masks.

    Raises:
      ValueError: No image can be used, there is no object, or the masks look wrong.
    """
    found, count, folder = tfrecords.Found.nothing(), 0, ""
    for checked in checks.read_items(items, class_table, rejected):
        found.add(checked)
        count += 1
        folder = os.path.dirname(checked.item.truth_path)
        yield checked
    if not count:
        reason = rejected.reason(items[0].name)
        raise ValueError(f"none of the {len(items)} images can be used; of the first: {reason}")
    found.check(folder, count, class_table, allowed)
    overlaps = found.sum_of_overlaps()
    if overlaps is not None:
        print(overlaps.describe())


def _hash(item: Item) -> str:
    return hashlib.sha256((item.image_sha256() + truth_files.digest(item)).encode()).hexdigest()
