"""Checks of a data set's files before anything is made of them."""

from collections import Counter
from typing import NamedTuple

import cv2
import numpy as np

from affinity_seg import labels
from affinity_seg.data.listing import Item

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"


class CheckedItem(NamedTuple):
    """The files of one image that passed the checks.

    Attributes:
      item: The image.
      image: Bytes of the image file.
      image_format: "png" or "jpeg".
      instances: Bytes of the instance file, PNG.
      height: Pixels.
      width: Pixels.
      pixels_of_class: Pixels of each class index; `labels.VOID_CLASS` counts void.
      instances_of_class: Instances of each class index.
    """

    item: Item
    image: bytes
    image_format: str
    instances: bytes
    height: int
    width: int
    pixels_of_class: Counter
    instances_of_class: Counter


def read_item(item: Item, class_table: labels.ClassTable) -> CheckedItem:
    """Reads the two files of an image and checks them.

    Args:
      item: An image with truth.
      class_table: What its instance image may hold.

    Raises:
      FileNotFoundError: A file is missing.
      ValueError: A file is damaged or of the wrong kind, the sizes differ, or an id is unknown.
        The message names the file.
    """
    image, content = _read(item.image_path, (_PNG, _JPEG), cv2.IMREAD_COLOR)
    stored, instances = _read(item.instance_path, (_PNG,), cv2.IMREAD_UNCHANGED)
    if stored.ndim != 2 or stored.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"{item.instance_path}: an instance image must have one channel of 8 or 16 bits: "
            f"shape {stored.shape}, {stored.dtype}"
        )
    if stored.shape != image.shape[:2]:
        raise ValueError(
            f"{item.instance_path}: must have the size of its image, "
            f"{image.shape[0]}x{image.shape[1]}: {stored.shape[0]}x{stored.shape[1]}"
        )
    _check_ids(item.instance_path, stored, class_table)
    classes, numbers = class_table.decode(stored)
    values, first = np.unique(numbers, return_index=True)
    return CheckedItem(
        item=item,
        image=content,
        image_format="png" if content.startswith(_PNG) else "jpeg",
        instances=instances,
        height=stored.shape[0],
        width=stored.shape[1],
        pixels_of_class=_counter(classes),
        instances_of_class=_counter(classes.ravel()[first[values > 0]]),
    )


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


def _read(path: str, signatures: tuple[bytes, ...], flags: int) -> tuple[np.ndarray, bytes]:
    with open(path, "rb") as file:
        content = file.read()
    if not content.startswith(signatures):
        raise ValueError(
            f"{path}: must be a {'PNG or JPEG' if len(signatures) > 1 else 'PNG'} file"
        )
    # OpenCV fills what is missing of a file that was cut off: look for its end.
    end = content[-12:-4].endswith(b"IEND") if content.startswith(_PNG) else b"\xff\xd9" in content
    image = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if end else None
    if image is None:
        raise ValueError(f"{path}: the file is damaged or cut off, {len(content)} bytes")
    return image, content


def _check_ids(path: str, stored: np.ndarray, class_table: labels.ClassTable) -> None:
    """Raises ValueError for an instance of a label id that the table does not know."""
    if class_table.encoding == "ids":
        return
    values = np.unique(stored)
    known = {*class_table.label_ids, *class_table.void_label_ids}
    unknown = [int(v) for v in values if v >= 1000 and v // 1000 not in known]
    if unknown:
        raise ValueError(
            f"{path}: an instance must be 1000 times a label id of class table "
            f"{class_table.name!r}, {sorted(class_table.label_ids)}, plus a number: {unknown[:5]}"
        )


def _counter(values: np.ndarray) -> Counter:
    return Counter(
        dict(zip(*(a.tolist() for a in np.unique(values, return_counts=True)), strict=True))
    )
