"""Checks the files of a data set before they are used."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from affinity_seg import labels, names
from affinity_seg.data import instance_files, mask_checks, picture_headers, pictures, truth_files
from affinity_seg.data.items import Item
from affinity_seg.data.object_masks import Overlaps
from affinity_seg.rejected_inputs import RejectedInputs


class CheckedItem(NamedTuple):
    """One image that passed the checks.

    Attributes:
      item: The image.
      image: uint8 RGB [H, W, 3], or with other channels [H, W, C].
      instances: uint8 or uint16 [H, W], pixels as stored on disk.
      jpeg: Bytes of the image file if it is a JPEG, else None.
      sha256: Hash of the image file and of what was chosen of it, or of the pixels if this is a
        part of an image.
      values: Different values of the instance image, ascending.
      pixels_of_class: Pixels of each class index; `labels.VOID_CLASS` counts void.
      instances_of_class: Instances of each class index.
      shapes: Measures of the instances of the whole image, even if this is a part of it.
      overlaps: What became of overlapping masks of the whole image; None for a part, and where
        masks cannot overlap.
    """

    item: Item
    image: np.ndarray
    instances: np.ndarray
    jpeg: bytes | None
    sha256: str
    values: np.ndarray
    pixels_of_class: Counter
    instances_of_class: Counter
    shapes: mask_checks.MaskShapes
    overlaps: Overlaps | None = None


def read_item(item: Item, class_table: labels.ClassTable) -> CheckedItem:
    """Reads the two files of an image and checks them.

    Args:
      item: An image with truth.
      class_table: The classes that its instance image may have.

    Raises:
      FileNotFoundError: A file is missing.
      ValueError: A file is damaged or of the wrong kind, its name is not UTF-8, the sizes differ,
        or an id is unknown. The message names the file.
    """
    names.check_utf8(item.filename, item.image_path)
    content = pictures.read_bytes(item.image_path)
    image = pictures.decode(item.image_path, content, choice=item.choice)
    stored, overlaps = truth_files.read(item, class_table)
    instance_files.check_fits(item.truth_path, stored.shape, image.shape[:2])
    is_jpeg = picture_headers.format_of(item.image_path, content, item.choice) == "JPEG"
    jpeg = content if is_jpeg and item.choice.channels is None else None
    checked = _checked(item, image, stored, jpeg, content, class_table)
    return checked._replace(sha256=item.choice.digest(checked.sha256), overlaps=overlaps)


def read_items(
    items: Iterable[Item], class_table: labels.ClassTable, rejected: RejectedInputs | None = None
) -> Iterator[CheckedItem]:
    """Yields what `read_item` returns of each image.

    Args:
      items: Images with truth.
      class_table: The classes that their instance images may have.
      rejected: Lists the images that cannot be used; without it, the first of them is raised.
    """
    rejected = RejectedInputs(strict=True) if rejected is None else rejected
    for item in items:
        with rejected.listed(item.name, item.image_path):
            checked = read_item(item, class_table)
        if item.name not in rejected:
            yield checked


def from_arrays(
    item: Item,
    image: np.ndarray,
    stored: np.ndarray,
    class_table: labels.ClassTable,
    shapes: mask_checks.MaskShapes | None = None,
) -> CheckedItem:
    """Returns an image that was cut out of a checked one.

    Args:
      item: The image; its `filename` names the part.
      image: uint8 RGB [H, W, 3], or with other channels [H, W, C].
      stored: uint8 or uint16 [H, W], pixels as stored on disk.
      class_table: The classes.
      shapes: The `shapes` of the image that it was cut out of; None to measure this part.
    """
    return _checked(item, image, stored, None, image.tobytes(), class_table, shapes)


def describe(
    pixels_of_class: Counter, instances_of_class: Counter, class_table: labels.ClassTable
) -> str:
    """Returns a table of pixels and instances of each class."""
    total = max(sum(pixels_of_class.values()), 1)
    rows = [*enumerate(class_table.class_names), (labels.VOID_CLASS, "void")]
    lines = [f"{'class':16}{'pixels':>16}{'share':>9}{'instances':>12}"]
    for k, name in rows:
        lines.append(
            f"{name:16}{pixels_of_class[k]:16}{pixels_of_class[k] / total:9.2%}"
            f"{instances_of_class[k]:12}"
        )
    return "\n".join(lines)


def _checked(
    item: Item,
    image: np.ndarray,
    stored: np.ndarray,
    jpeg: bytes | None,
    content: bytes,
    class_table: labels.ClassTable,
    shapes: mask_checks.MaskShapes | None = None,
) -> CheckedItem:
    """Counts the values and classes of an image; measures its shapes if they are not given.

    The hash is that of `content`.
    """
    classes, numbers = class_table.decode(stored)
    shapes = shapes or mask_checks.shapes_of(item.truth_name, classes, numbers)
    values, first = np.unique(numbers, return_index=True)
    return CheckedItem(
        item=item,
        image=image,
        instances=stored,
        jpeg=jpeg,
        sha256=hashlib.sha256(content).hexdigest(),
        values=np.unique(stored),
        pixels_of_class=_counter(classes),
        instances_of_class=_counter(classes.ravel()[first[values > 0]]),
        shapes=shapes,
    )


def _counter(values: np.ndarray) -> Counter:
    return Counter(
        dict(zip(*(a.tolist() for a in np.unique(values, return_counts=True)), strict=True))
    )
