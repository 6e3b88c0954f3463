"""Reads the truth of an image, whatever its form, as the instance image that a class table encodes.

`truth_forms` has the forms. Everything that needs truth reads it here: TFRecords, metrics,
pictures.
"""

import contextlib
import functools
import hashlib
import os
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from affinity_seg import class_tables, files, labels
from affinity_seg.data import (
    instance_files,
    mask_folders,
    object_masks,
    pictures,
    truth_forms,
)
from affinity_seg.data.items import Item
from affinity_seg.data.object_masks import ObjectMask, Overlaps


class StoredTruth(NamedTuple):
    """The truth of an image before a class table decodes it.

    Attributes:
      values: uint8 or uint16 [H, W], pixels of an instance image.
      overlaps: What became of overlapping masks; None for an instance image, which has none.
    """

    values: np.ndarray
    overlaps: Overlaps | None


def read(item: Item, class_table: labels.ClassTable) -> StoredTruth:
    """Reads and checks the truth of an image.

    Args:
      item: An image with truth.
      class_table: The classes that it may have.

    Raises:
      FileNotFoundError: A file is missing.
      ValueError: A file is damaged or of the wrong kind, an id or a class is unknown, or a shape or
        mask is wrong. The message names the file.
    """
    if item.form == truth_forms.INSTANCES:
        return StoredTruth(_read_instances(item, class_table), None)
    _check_exists(item)
    size = pictures.read_size(item.image_path, turned=False, choice=item.choice)
    objects = _read_objects(item, size)
    numbers, overlaps = object_masks.paint(objects, size)
    values = object_masks.encode(item.truth_name, objects, numbers, class_table)
    names = object_masks.left_out(objects, numbers)
    named = tuple(f"{item.truth_name}: {name}" for name in names)
    return StoredTruth(values, overlaps._replace(left_out=named))


@contextlib.contextmanager
def as_png(item: Item, class_table: labels.ClassTable) -> Iterator[str]:
    """Yields the path of the truth as a PNG file of 16 bits, for programs that read no other.

    It is the truth's own file if it is such a file, else a temporary one.

    Raises:
      FileNotFoundError: As `read`.
      ValueError: As `read`.
    """
    values = read(item, class_table).values
    if item.form == truth_forms.INSTANCES and item.truth_path.lower().endswith(".png"):
        yield item.truth_path
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "instanceIds.png")
        cv2.imwrite(path, values.astype(np.uint16))
        yield path


def digest(item: Item) -> str:
    """Returns a hash of the files of the truth of an image, in hexadecimal digits.

    Raises:
      FileNotFoundError: There is no truth.
    """
    path = item.truth_path
    if item.form != truth_forms.MASKS:
        stat = os.stat(path)
        return _sha256(path, stat.st_size, stat.st_mtime_ns)
    _check_exists(item)
    of_files = [
        (name, files.sha256(os.path.join(path, name))) for name in truth_forms.visible(path)
    ]
    return hashlib.sha256(repr(of_files).encode()).hexdigest()


@functools.lru_cache(maxsize=1)
def _sha256(path: str, size: int, time: int) -> str:
    """Returns the hash of a file of this size and time.

    The last one is kept, since one COCO file is the truth of all images.
    """
    del size, time
    return files.sha256(path)


def _check_exists(item: Item) -> None:
    """Raises FileNotFoundError unless there is truth."""
    if not item.has_truth:
        raise FileNotFoundError(f"{item.image_path}: the truth is missing: {item.truth_path}")


def _read_objects(item: Item, size: tuple[int, int]) -> list[ObjectMask]:
    if item.form == truth_forms.MASKS:
        return mask_folders.read(item.truth_path, size, item.choice)
    # Late: few programs need pycocotools.
    from affinity_seg.data import coco_files, geojson_files, imagej_files, labelme_files

    if item.form == truth_forms.COCO:
        return coco_files.read(item.truth_path, item.filename, size)
    if item.form == truth_forms.GEOJSON:
        return geojson_files.read(item.truth_path, size)
    if item.form == truth_forms.IMAGEJ:
        return imagej_files.read(item.truth_path, size)
    return labelme_files.read(item.truth_path, os.path.basename(item.filename), size)


def _read_instances(item: Item, class_table: labels.ClassTable) -> np.ndarray:
    """Reads an instance image; raises ValueError unless it fits `class_table`."""
    path = item.truth_path
    stored = instance_files.read(path, item.choice)
    # Instances do not fit into 8 bits: most likely this is an image of label ids.
    if class_table.encoding != "ids" and stored.dtype == np.uint8:
        raise ValueError(
            f"{path}: an instance image must have 16 bits with `encoding` "
            f"{class_table.encoding!r}: {stored.dtype}"
        )
    if class_table.encoding == "ids":
        return _in_16_bits(path, stored, class_table)
    _check_ids(path, np.unique(stored), class_table)
    return stored


def _in_16_bits(path: str, stored: np.ndarray, class_table: labels.ClassTable) -> np.ndarray:
    """Returns ids of any size in 16 bits: larger ones are numbered anew, in ascending order."""
    if stored.dtype != np.int32:
        return stored
    values, places = np.unique(stored, return_inverse=True)
    is_kept = np.isin(values, [0, *class_table.void_label_ids])
    count, most = int((~is_kept).sum()), class_table.max_instances(1)
    if count > most:
        raise ValueError(f"{path}: an image must have at most {most} ids: {count}")
    free = np.setdiff1d(np.arange(1, 2**16), class_table.void_label_ids)
    values[~is_kept] = free[:count]
    return values.astype(np.uint16)[places].reshape(stored.shape)


def _check_ids(path: str, values: np.ndarray, class_table: labels.ClassTable) -> None:
    """Raises ValueError for a label id that is not in the table."""
    things = sorted(class_table.thing_label_ids)
    known = {*things, *class_table.void_label_ids}
    unknown = [int(v) for v in values if v >= 1000 and v // 1000 not in known]
    if unknown:
        raise ValueError(
            f"{path}: an instance must be 1000 times a label id of class table "
            f"{class_table.name!r}, {things}, plus a number: {unknown[:5]}"
        )
    most = class_tables.max_label_id(class_table)
    unknown = [int(v) for v in values if most < v < 1000]
    if unknown:
        raise ValueError(
            f"{path}: a value below 1000 must be a label id of class table "
            f"{class_table.name!r}, in [0, {most}]: {unknown[:5]}"
        )
