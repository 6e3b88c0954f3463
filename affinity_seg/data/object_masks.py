"""Objects whose masks may overlap, and the instance image that they become.

An instance image gives each pixel to one object. Where masks overlap, the smaller object is on top,
and of two of the same size the later one. The order of the objects does not decide, because most
data sets have none: files of masks have random names, and annotations are listed as they were
drawn. A small object on a large one would be lost below it. A large one keeps most of its pixels.
Void regions are below all objects.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from affinity_seg import labels
from affinity_seg.data import mistakes
from affinity_seg.instances import box_around


class ObjectMask(NamedTuple):
    """The mask of one object, or of a void region.

    Attributes:
      where: What the object is called in its file, for messages.
      name: Its class, as the file calls it; None in a form of truth without classes.
      top: First row of `mask` in the image.
      left: First column of `mask` in the image.
      mask: bool [h, w], without empty rows and columns at its borders; [0, 0] without a pixel.
      is_void: Whether it is a region that is neither trained on nor scored.
    """

    where: str
    name: str | None
    top: int
    left: int
    mask: np.ndarray
    is_void: bool = False

    @property
    def window(self) -> tuple[slice, slice]:
        """The part of the image that `mask` fits."""
        height, width = self.mask.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


class Overlaps(NamedTuple):
    """What became of overlapping masks; the counts of several images can be added.

    Attributes:
      pixels: Pixels that belong to several objects.
      covered: Objects that lost some of their pixels, but not all.
      hidden: Objects that lost all of their pixels to others, and are left out.
      empty: Objects that have no pixel, because they are thinner than one, and are left out.
      left_out: The objects that are left out, as messages call them.
    """

    pixels: int = 0
    covered: int = 0
    hidden: int = 0
    empty: int = 0
    left_out: tuple[str, ...] = ()

    def plus(self, other: "Overlaps") -> "Overlaps":
        """Returns the sums of the counts."""
        return Overlaps(*(a + b for a, b in zip(self, other, strict=True)))

    def describe(self) -> str:
        """Returns the counts as a line, with some of the objects that are left out."""
        named = f"; left out: {mistakes.listed(self.left_out)}" if self.left_out else ""
        return (
            f"overlaps: {self.pixels} pixels belong to several objects, the smallest of which "
            f"keeps them; objects that are covered in part: {self.covered}; left out because "
            f"others cover them wholly: {self.hidden}, because they have no pixel: {self.empty}"
        ) + named


def crop(
    where: str, name: str | None, mask: np.ndarray, *, top: int = 0, left: int = 0, is_void=False
) -> ObjectMask:
    """Returns the mask of an object without the empty rows and columns around it.

    Args:
      where: As of `ObjectMask`.
      name: As of `ObjectMask`.
      mask: bool [H, W].
      top: Row of the image where `mask` begins.
      left: Column of the image where `mask` begins.
      is_void: As of `ObjectMask`.
    """
    y0, x0, y1, x1 = box_around(mask)
    return ObjectMask(where, name, top + y0, left + x0, mask[y0:y1, x0:x1], is_void)


def paint(objects: Sequence[ObjectMask], size: tuple[int, int]) -> tuple[np.ndarray, Overlaps]:
    """Returns which object each pixel belongs to, see above.

    Args:
      objects: The objects.
      size: Height and width of the image.

    Returns:
      int32 [H, W], 0 where there is no object, else the object's position in `objects`, from 1;
      and what became of overlaps. An object that is hidden or empty is nowhere.
    """
    areas = np.array([np.count_nonzero(one.mask) for one in objects], np.int64)
    is_void = np.array([one.is_void for one in objects], bool)
    found = np.zeros(size, np.int32)
    covering = np.zeros(size, np.uint16)
    for index in np.lexsort((-areas, ~is_void)):
        one = objects[index]
        found[one.window][one.mask] = index + 1
        if not one.is_void:
            # At most 65535 are counted: more cannot be stored in an instance image either.
            covering[one.window] += one.mask & (covering[one.window] < 2**16 - 1)
    kept = np.bincount(found.ravel(), minlength=len(objects) + 1)[1:]
    areas, kept = areas[~is_void], kept[~is_void]
    return found, Overlaps(
        pixels=int(np.count_nonzero(covering > 1)),
        covered=int(np.count_nonzero((kept > 0) & (kept < areas))),
        hidden=int(np.count_nonzero((kept == 0) & (areas > 0))),
        empty=int(np.count_nonzero(areas == 0)),
    )


def left_out(objects: Sequence[ObjectMask], numbers: np.ndarray) -> tuple[str, ...]:
    """Returns what the objects are called that have no pixel in `numbers`, of `paint`."""
    is_present = np.bincount(numbers.ravel(), minlength=len(objects) + 1)[1:] > 0
    pairs = zip(objects, is_present, strict=True)
    return tuple(one.where for one, present in pairs if not (present or one.is_void))


def encode(
    path: str,
    objects: Sequence[ObjectMask],
    numbers: np.ndarray,
    class_table: labels.ClassTable,
) -> np.ndarray:
    """Returns the instance image of painted objects, as a class table encodes it.

    Args:
      path: The file of the objects, for messages.
      objects: The objects.
      numbers: int32 [H, W], of `paint`.
      class_table: The classes; names decide which class an object has.

    Returns:
      uint16 [H, W].

    Raises:
      ValueError: The table lacks a class or a void id, or there are too many objects.
    """
    background = class_table.background_value()
    values = np.full(len(objects) + 1, background, np.int64)
    counts: dict[int, int] = {}
    present = set(np.unique(numbers).tolist())
    for index, one in enumerate(objects, start=1):
        if index not in present:
            continue
        if one.is_void:
            values[index] = _void_value(path, one, class_table)
            continue
        class_index = class_of(path, one.name, class_table)
        number = counts.get(class_index, 0)
        counts[class_index] = number + 1
        values[index] = class_table.encode(class_index, number)
    for class_index, count in counts.items():
        most = class_table.max_instances(class_index)
        if count > most:
            raise ValueError(
                f"{path}: an image must have at most {most} objects of class "
                f"{class_table.class_names[class_index]!r} with `encoding` "
                f"{class_table.encoding!r} of class table {class_table.name!r}: {count}; cut the "
                "image into parts"
            )
    return values.astype(np.uint16)[numbers]


def class_of(path: str, name: str | None, class_table: labels.ClassTable) -> int:
    """Returns the class index of an object's class.

    Args:
      path: The file, for messages.
      name: As of `ObjectMask`.
      class_table: The classes.

    Raises:
      ValueError: The table has no such class. Without a name it must have only one.
    """
    known = class_table.class_names[1:]
    if name is None:
        if len(known) > 1:
            raise ValueError(
                f"{path}: objects without classes need a class table of one class: "
                f"class table {class_table.name!r} has {list(known)}; choose another with "
                "`--class_table`, such as class_table.yaml, which `prepare` writes"
            )
        return 1
    if name not in known:
        raise ValueError(
            f"{path}: class {name!r} must be one of class table {class_table.name!r}: "
            f"{list(known)}; choose another table with `--class_table`, such as class_table.yaml, "
            "which `prepare` writes, or rename the class"
        )
    return known.index(name) + 1


def _void_value(path: str, one: ObjectMask, class_table: labels.ClassTable) -> int:
    value = class_table.void_value()
    if value is None:
        raise ValueError(
            f"{path}: {one.where} is void, for which class table {class_table.name!r} has no id: "
            f"add `void_label_ids: [{labels.VOID_VALUES[class_table.encoding]}]` to it"
        )
    return value
