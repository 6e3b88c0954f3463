"""Truth as a JSON file of LabelMe for each image: polygons, rectangles and circles.

Labels are classes. Shapes with the same label and the same `group_id` are one object. The label
`__ignore__`, which LabelMe reserves, is void. A copy of the image in the file is not read.
"""

import math
import os
from collections.abc import Iterator
from typing import Any

from affinity_seg import names, structured
from affinity_seg.data import annotated_shapes
from affinity_seg.data.annotated_shapes import Point, require
from affinity_seg.data.object_masks import ObjectMask

IGNORED = "__ignore__"
"""The label of void regions."""


def class_names(path: str) -> set[str]:
    """Returns the labels of a file but `IGNORED`.

    Raises:
      ValueError: The file is damaged or not of LabelMe's form.
    """
    return {label for _, label, _ in _shapes(path, _load(path))} - {IGNORED}


def read(path: str, filename: str, size: tuple[int, int]) -> list[ObjectMask]:
    """Reads the objects of an image, in the order of their first shapes.

    Args:
      path: The file.
      filename: File of the image.
      size: Height and width of the image.

    Raises:
      ValueError: The file is damaged, not of LabelMe's form, of another image or size, or has a
        shape that cannot be read.
    """
    content = _load(path)
    _check_image(path, content, filename, size)
    objects: dict[Any, tuple[str, str, list[list[Point]]]] = {}
    for where, label, shape in _shapes(path, content):
        group = shape.get("group_id")
        if group is not None:
            require(group, (int, str), f"{where}: `group_id`", "a number or a text")
        key = len(objects) if group is None else (label, group)
        called = where.removeprefix(f"{path}: ")
        objects.setdefault(key, (called, label, []))[2].append(_corners(where, shape, size))
    return [
        annotated_shapes.from_polygons(called, label, polygons, size, label == IGNORED)
        for called, label, polygons in objects.values()
    ]


def _load(path: str) -> dict[str, Any]:
    content = structured.read_json(path)
    if not isinstance(content, dict) or "shapes" not in content:
        raise ValueError(f"{path}: must be a file of LabelMe, with `shapes`")
    return content


def _shapes(path: str, content: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yields the place, label and fields of each shape."""
    for number, shape in enumerate(
        require(content["shapes"], list, f"{path}: `shapes`", "a list"), start=1
    ):
        where = f"{path}: shape {number}"
        require(shape, dict, where, "an object of JSON")
        label = require(shape.get("label"), str, f"{where}: `label`", "a text")
        if not label.strip():
            raise ValueError(f"{where}: `label` must name a class: {label!r}")
        yield where, label, shape


def _check_image(path: str, content: dict[str, Any], filename: str, size: tuple[int, int]) -> None:
    """Raises ValueError if a file says that it is of another image, or of another size."""
    stated = content.get("imagePath")
    if stated is not None:
        where = f"{path}: `imagePath`"
        folder = os.path.basename(os.path.dirname(os.path.abspath(path)))
        found = names.relative(require(stated, str, where, "a text"), where, folder)
        if found.rsplit("/", 1)[-1] != names.normalized(filename):
            raise ValueError(
                f"{where} must be the image of the same name, {filename}: {stated!r}; if the image "
                "was renamed, correct it"
            )
    keys = "imageHeight", "imageWidth"
    sides = [content.get(key) for key in keys]
    for key, stated, side in zip(keys, sides, size, strict=True):
        if stated is not None and require(stated, int, f"{path}: `{key}`", "a number") != side:
            raise ValueError(
                f"{path}: `{key}` must be that of the image, {side}: {stated}; annotate the image "
                "that is there"
            )


def _corners(where: str, shape: dict[str, Any], size: tuple[int, int]) -> list[Point]:
    """Returns the corners of a shape."""
    kind = shape.get("shape_type", "polygon")
    listed = require(shape.get("points"), list, f"{where}: `points`", "a list")
    for point in listed:
        if len(require(point, list, f"{where}: `points`", "pairs of x and y")) != 2:
            raise ValueError(f"{where}: `points` must be pairs of x and y: {point}")
    flat = [value for point in listed for value in point]
    if kind == "circle" and len(listed) == 2:
        # The second point, on the circle, may lie outside.
        annotated_shapes.points(flat[:2], size, f"{where}: `points`")
        return _circle(where, listed, size)
    if kind == "polygon":
        return annotated_shapes.corners(flat, size, f"{where}: `points`")
    found = annotated_shapes.points(flat, size, f"{where}: `points`")
    if kind == "rectangle" and len(found) == 4:
        return found
    if kind == "rectangle" and len(found) == 2:
        (x0, y0), (x1, y1) = found
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    raise ValueError(
        f"{where}: `shape_type` must be polygon, rectangle (2 or 4 points) or circle (2 points): "
        f"{structured.shown(kind)} with {len(found)} points; draw it as a polygon or remove it"
    )


def _circle(where: str, ends: list[list[Any]], size: tuple[int, int]) -> list[Point]:
    """Returns the corners of a circle, of its centre and a point on it."""
    for value in ends[1]:
        require(value, (int, float), f"{where}: `points`", "numbers")
        if not math.isfinite(value):
            raise ValueError(f"{where}: `points` must be finite numbers: {value}")
    (x, y), radius = ends[0], math.dist(*ends)
    around = annotated_shapes.ellipse(x, y, 2 * radius, 2 * radius)
    return [(min(max(a, 0), size[1]), min(max(b, 0), size[0])) for a, b in around]
