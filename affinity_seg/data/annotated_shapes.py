"""Shapes that a file gives by their corners, and checks of its values."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from affinity_seg import structured
from affinity_seg.data import object_masks
from affinity_seg.data.object_masks import ObjectMask

MAX_OUTSIDE = 1.0
"""How far a corner may lie outside of the image, pixels: programs round to either side."""

_ELLIPSE_CORNERS = 720
"""Corners of the polygon that stands for a circle or an ellipse."""

Point = tuple[float, float]
"""x and y, pixels; (0, 0) is the corner of the first pixel, not its centre."""


def require(value: Any, kind: type | tuple[type, ...], where: str, what: str) -> Any:
    """Returns a value of a file if it is of a type; a truth value is no number.

    Raises:
      ValueError: It is of another type.
    """
    is_bool = isinstance(value, bool) and bool not in (kind if isinstance(kind, tuple) else (kind,))
    if not isinstance(value, kind) or is_bool:
        raise ValueError(f"{where} must be {what}: {structured.shown(value)}")
    return value


def points(flat: Sequence[Any], size: tuple[int, int], where: str) -> list[Point]:
    """Returns the points of x and y in turn, moved into the image.

    Args:
      flat: x0, y0, x1, y1, ...
      size: Height and width of the image.
      where: Their place in the file, for messages.

    Raises:
      ValueError: They are not finite numbers, or lie outside of the image.
    """
    if len(flat) % 2:
        raise ValueError(f"{where} must have x and y of each point: {len(flat)} numbers")
    for value in flat:
        require(value, (int, float), where, "numbers")
        if not math.isfinite(value):
            raise ValueError(f"{where} must be finite numbers: {value}")
    found = []
    for x, y in zip(flat[::2], flat[1::2], strict=True):
        inside = min(max(x, 0), size[1]), min(max(y, 0), size[0])
        if max(abs(x - inside[0]), abs(y - inside[1])) > MAX_OUTSIDE:
            raise ValueError(
                f"{where} must lie in the image of {size[0]}x{size[1]} (height x width): "
                f"x={x:g}, y={y:g}; perhaps the image was resized, or is not that of the outline"
            )
        found.append(inside)
    return found


def corners(flat: Sequence[Any], size: tuple[int, int], where: str) -> list[Point]:
    """Returns the corners of a polygon; arguments are those of `points`.

    Raises:
      ValueError: As `points`, or there are fewer than three.
    """
    found = points(flat, size, where)
    if len(found) < 3:
        raise ValueError(
            f"{where} must have at least 3 points: {len(found)}; draw it again or remove it"
        )
    return found


def ring(listed: Any, size: tuple[int, int], where: str, what: str) -> list[Point]:
    """Returns the corners of a ring, which may be closed by its first corner.

    Args:
      listed: Its points, lists or tuples of x, y and perhaps more.
      size: Height and width of the image.
      where: Its place in the file, for messages.
      what: What `listed` must be, for messages.

    Raises:
      ValueError: As `corners`.
    """
    flat = []
    for point in require(listed, list, where, what):
        if len(require(point, (list, tuple), where, "points of x and y")) < 2:
            raise ValueError(f"{where} must have x and y of each point: {point}")
        flat += point[:2]
    is_closed = len(flat) >= 4 and flat[:2] == flat[-2:]
    return corners(flat[:-2] if is_closed else flat, size, where)


def ellipse(x: float, y: float, width: float, height: float) -> list[Point]:
    """Returns the corners of a polygon that stands for an ellipse around (x, y)."""
    turns = (2 * math.pi * number / _ELLIPSE_CORNERS for number in range(_ELLIPSE_CORNERS))
    return [(x + width / 2 * math.cos(turn), y + height / 2 * math.sin(turn)) for turn in turns]


def from_polygons(
    where: str,
    name: str,
    polygons: Sequence[Sequence[Point]],
    size: tuple[int, int],
    is_void: bool = False,
) -> ObjectMask:
    """Returns the mask of an object: the pixels inside of any of its polygons.

    Only the window around them is filled, because images may be large and objects many.

    Args:
      where: As of `ObjectMask`.
      name: As of `ObjectMask`.
      polygons: The corners of each, in the image.
      size: Height and width of the image.
      is_void: As of `ObjectMask`.
    """
    top, left, height, width = _window(polygons, size)
    flat = [
        [v for x, y in corners for v in (float(x - left), float(y - top))] for corners in polygons
    ]
    rle = coco_mask.merge(coco_mask.frPyObjects(flat, height, width))
    mask = coco_mask.decode(rle) > 0
    return object_masks.crop(where, name, mask, top=top, left=left, is_void=is_void)


def from_rings(
    where: str,
    name: str | None,
    polygons: Sequence[Sequence[Sequence[Point]]],
    size: tuple[int, int],
    is_void: bool = False,
) -> ObjectMask:
    """Returns the mask of an object: the pixels whose centre is inside of any of its polygons.

    Args:
      where: As of `ObjectMask`.
      name: As of `ObjectMask`.
      polygons: The rings of each, in the image: what an odd number of them encloses is inside.
      size: Height and width of the image.
      is_void: As of `ObjectMask`.
    """
    top, left, height, width = _window([ring for rings in polygons for ring in rings], size)
    mask = np.zeros((height, width), bool)
    for rings in polygons:
        moved = [np.array(one, float) - (left, top) for one in rings]
        mask |= _fill(moved, mask.shape)
    return object_masks.crop(where, name, mask, top=top, left=left, is_void=is_void)


def _fill(rings: Sequence[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Returns which pixels have their centre inside an odd number of rings, bool [h, w].

    A side of a ring flips all pixels right of it. The time is that of the sides' heights; general
    functions take that of the area times the number of corners. A centre on a side is inside of
    the shape to the right or below, so that shapes which share a side share no pixel.

    Args:
      rings: Corners (x, y) of each, [N, 2].
      shape: h and w.
    """
    height, width = shape
    flips = np.zeros((height, width + 1), bool)
    for corners in rings:
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            first, end = (math.ceil(y - 0.5) for y in sorted((y0, y1)))
            rows = np.arange(max(first, 0), min(end, height))
            if len(rows):  # So the side is not horizontal.
                crossed = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
                columns = np.clip(np.ceil(crossed - 0.5), 0, width).astype(int)
                flips[rows, columns] ^= True
    return np.logical_xor.accumulate(flips, axis=1)[:, :width]


def _window(rings: Sequence[Sequence[Point]], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Returns top, left, height and width of a part of the image around some rings."""
    xs, ys = zip(*(point for ring in rings for point in ring), strict=True)
    left, top = (max(math.floor(min(values)) - 1, 0) for values in (xs, ys))
    height, width = (
        min(math.ceil(max(values)) + 1, side) - first
        for values, side, first in ((ys, size[0], top), (xs, size[1], left))
    )
    return top, left, height, width


def from_run_lengths(
    where: str, name: str, rle: dict[str, Any], is_void: bool = False
) -> ObjectMask:
    """Returns the mask of an object from the run lengths of pycocotools."""
    mask = coco_mask.decode(rle)
    left, top, width, height = (int(value) for value in coco_mask.toBbox(rle))
    part = mask[top : top + height, left : left + width] > 0
    return object_masks.crop(where, name, part, top=top, left=left, is_void=is_void)
