"""Truth as a JSON file of COCO: polygons and run lengths, decoded by pycocotools.

The names of the categories are the classes. A region with `iscrowd` is void.
"""

import functools
import os
from collections import defaultdict
from typing import Any, NamedTuple

from pycocotools import mask as coco_mask

from affinity_seg import names, structured
from affinity_seg.data import annotated_shapes
from affinity_seg.data.annotated_shapes import require
from affinity_seg.data.object_masks import ObjectMask

_FIRST_DIGIT, _BITS = 48, 5
"""Compressed run lengths: characters from "0", each with 5 bits and one for "more"."""


class CocoImage(NamedTuple):
    """What a file says of one image.

    Attributes:
      entry: Its entry in `images`.
      annotations: Its annotations.
    """

    entry: dict[str, Any]
    annotations: list[dict[str, Any]]


class CocoFile(NamedTuple):
    """A file that was parsed.

    Attributes:
      images: The images by `file_name`, as `names.relative`, without a first folder images/.
      categories: Name of each category by its id.
    """

    images: dict[str, CocoImage]
    categories: dict[int, str]


def load(path: str) -> CocoFile:
    """Parses a file; the last one is kept, so that it is parsed once for all of its images.

    Raises:
      ValueError: It is damaged or not of COCO's form, or names an image outside of the folder.
    """
    stat = os.stat(path)
    return _load(path, stat.st_size, stat.st_mtime_ns)


def class_names(path: str) -> list[str]:
    """Returns the names of the categories that have annotations, in the order of their ids.

    Raises:
      ValueError: As `load`.
    """
    file = load(path)
    used = {a.get("category_id") for image in file.images.values() for a in image.annotations}
    return [name for number, name in sorted(file.categories.items()) if number in used]


def read(path: str, filename: str, size: tuple[int, int]) -> list[ObjectMask]:
    """Reads the objects of an image.

    Args:
      path: The file.
      filename: File of the image, relative to the folder of images.
      size: Height and width of the image.

    Raises:
      ValueError: As `load`, or the image has another size than the file says, or one of its
        annotations has an unknown category or a shape that cannot be read.
    """
    file = load(path)
    entry, annotations = file.images[names.normalized(filename)]
    stated = tuple(
        require(entry.get(key, size[axis]), int, f"{path}: `{key}` of {filename}", "a number")
        for axis, key in enumerate(("height", "width"))
    )
    if stated != tuple(size):
        raise ValueError(
            f"{path}: the image {filename} must have the size that the file says, "
            f"{stated[0]}x{stated[1]}: {size[0]}x{size[1]}; annotate the image that is there"
        )
    return [_read_object(f"{path}: {_called(a)}", a, file, size) for a in annotations]


@functools.lru_cache(maxsize=1)
def _load(path: str, *version: int) -> CocoFile:
    del version  # Of the cache only.
    content = require(structured.read_json(path), dict, path, "an object of JSON")
    lists = {
        key: require(content.get(key), list, f"{path}: `{key}`", "a list, as in COCO")
        for key in ("images", "annotations", "categories")
    }
    for key, entries in lists.items():
        for entry in entries:
            require(entry, dict, f"{path}: each of `{key}`", "an object of JSON")
    categories = {}
    for entry in lists["categories"]:
        number = _number(entry, "id", f"{path}: a category")
        name = require(entry.get("name"), str, f"{path}: `name` of category {number}", "a text")
        if number in categories or name in categories.values() or not name:
            raise ValueError(
                f"{path}: categories must have different ids and names: {number}, {name!r}"
            )
        categories[number] = name
    by_image = defaultdict(list)
    for entry in lists["annotations"]:
        by_image[_number(entry, "image_id", f"{path}: {_called(entry)}")].append(entry)
    images, ids = {}, set()
    for entry in lists["images"]:
        number = _number(entry, "id", f"{path}: an image")
        where = f"{path}: `file_name` of image {number}"
        name = names.relative(require(entry.get("file_name"), str, where, "a text"), where)
        name = name.removeprefix("images/")
        if number in ids or name in images:
            raise ValueError(
                f"{path}: images must have different ids and file names: {number}, {name!r}"
            )
        ids.add(number)
        images[name] = CocoImage(entry, by_image[number])
    unknown = sorted(by_image.keys() - ids)
    if unknown:
        count = sum(len(by_image[number]) for number in unknown)
        raise ValueError(
            f"{path}: `image_id` must be the id of one of `images`: {count} annotations have "
            f"others, {structured.shown(unknown[:5])}; export the file again, or remove them"
        )
    return CocoFile(images, categories)


def _read_object(
    where: str, annotation: dict[str, Any], file: CocoFile, size: tuple[int, int]
) -> ObjectMask:
    number = _number(annotation, "category_id", where)
    if number not in file.categories:
        raise ValueError(
            f"{where}: `category_id` must be the id of one of `categories`, "
            f"{sorted(file.categories)}: {number}"
        )
    crowd = annotation.get("iscrowd", 0)
    if crowd not in (0, 1):
        raise ValueError(f"{where}: `iscrowd` must be 0 or 1: {structured.shown(crowd)}")
    called, name = _called(annotation), file.categories[number]
    where, shape = f"{where}: `segmentation`", annotation.get("segmentation")
    if isinstance(shape, list) and shape:
        polygons = [
            annotated_shapes.corners(require(flat, list, where, "polygons"), size, where)
            for flat in shape
        ]
        return annotated_shapes.from_polygons(called, name, polygons, size, crowd == 1)
    rle = _run_lengths(where, shape, size)
    return annotated_shapes.from_run_lengths(called, name, rle, crowd == 1)


def _run_lengths(where: str, shape: Any, size: tuple[int, int]) -> dict[str, Any]:
    """Returns run lengths of a file as those of pycocotools."""
    what = "a list of polygons, or run lengths with `size` and `counts`; a box alone is no mask"
    counts, stated = (require(shape, dict, where, what).get(key) for key in ("counts", "size"))
    if stated != list(size):
        raise ValueError(
            f"{where}: `size` of the run lengths must be that of the image, {list(size)}: "
            f"{structured.shown(stated)}"
        )
    counts = _decompressed(where, counts) if isinstance(counts, str) else counts
    for count in require(counts, list, f"{where}: `counts`", "run lengths"):
        if require(count, int, f"{where}: `counts`", "run lengths") < 0:
            raise ValueError(f"{where}: `counts` must not be negative: {count}")
    if sum(counts) != size[0] * size[1]:  # pycocotools would leave pixels undefined.
        raise ValueError(
            f"{where}: run lengths must cover the image, {size[0] * size[1]} pixels: {sum(counts)}"
        )
    return coco_mask.frPyObjects({"size": list(size), "counts": counts}, *size)


def _decompressed(where: str, text: str) -> list[int]:
    """Returns run lengths that COCO has compressed to text.

    Each number is written in digits of 5 bits, the lowest first, the last of which has its sign.
    From the fourth number on it is the difference to the number two before.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        digit = ord(character) - _FIRST_DIGIT
        if not 0 <= digit < 1 << _BITS + 1 or shift > 60:
            raise ValueError(f"{where}: `counts` must be compressed run lengths: {text[:40]!r}")
        value |= (digit & (1 << _BITS) - 1) << shift
        shift += _BITS
        if digit & 1 << _BITS:
            continue
        if digit & 1 << _BITS - 1:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError(f"{where}: `counts` are cut off: {text[-40:]!r}")
    return counts


def _number(entry: dict[str, Any], key: str, where: str) -> int:
    return require(entry.get(key), int, f"{where}: `{key}`", "a whole number")


def _called(annotation: dict[str, Any]) -> str:
    return f"annotation {structured.shown(annotation.get('id'))}"
