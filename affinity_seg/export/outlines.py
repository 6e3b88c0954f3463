"""Outlines of masks along the edges of their pixels.

A pixel (y, x) is the square from (x, y) to (x + 1, y + 1). An outline runs along the sides of such
squares, so its corners are integers, and it encloses exactly the pixels of the mask: the area of
the shape is the number of pixels, and a pixel is inside if its centre is.
"""

from collections.abc import Set
from typing import NamedTuple

import cv2
import numpy as np

from affinity_seg.instances import CroppedInstances

_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""One pixel in each direction, (x, y): right, down, left, up. The next entry is a right turn."""

_TURNS = (1, 0, 3)
"""Change of the direction: to the right, straight on, to the left."""

Step = tuple[int, int, int]
"""A step along one side of a pixel: x and y where it starts, and its direction."""


class Polygon(NamedTuple):
    """A connected shape.

    No ring touches itself. Rings of one or of several polygons may touch at a corner, where pixels
    touch diagonally.

    Attributes:
      shell: The outer ring, int32 [N, 2]: its corners (x, y), clockwise as seen on the screen. The
        last corner is joined to the first, which is not repeated.
      holes: The rings of the holes, counterclockwise.
    """

    shell: np.ndarray
    holes: list[np.ndarray]


def trace_instances(instances: CroppedInstances) -> list[list[Polygon]]:
    """Returns the polygons of each instance, in the coordinates of the image."""
    traced = []
    for number, (y0, x0, _, _) in enumerate(instances.boxes.tolist(), start=1):
        offset = np.int32([x0, y0])
        traced.append(
            [
                Polygon(polygon.shell + offset, [hole + offset for hole in polygon.holes])
                for polygon in trace(instances.mask(number))
            ]
        )
    return traced


def trace(mask: np.ndarray) -> list[Polygon]:
    """Returns the polygons of a mask: one for each part whose pixels are joined by their sides.

    Args:
      mask: bool [H, W].

    Returns:
      The polygons in raster order of their first pixel; none for an empty mask.
    """
    parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)[1]
    shells: dict[int, np.ndarray] = {}
    holes: dict[int, list[np.ndarray]] = {}
    for x, y, corners in _closed_paths(mask):
        part = int(parts[y, x])
        for ring in _simple_rings(corners):
            if _doubled_area(ring) > 0:
                shells[part] = ring
            else:
                holes.setdefault(part, []).append(ring)
    return [Polygon(shell, holes.get(part, [])) for part, shell in shells.items()]


def _closed_paths(mask: np.ndarray) -> list[tuple[int, int, list[tuple[int, int]]]]:
    """Follows all sides between a pixel of the mask and one outside, the mask on the right.

    Where two pixels touch diagonally, the path turns right and so stays at the same pixel. Such a
    corner is the only kind that a path can pass twice.

    Returns:
      For each path x and y of a pixel of the mask beside it, and its corners (x, y).
    """
    padded = np.pad(mask, 1)
    above, below = padded[:-1, 1:-1], padded[1:, 1:-1]
    left, right = padded[1:-1, :-1], padded[1:-1, 1:]
    # The sides in each direction, by the pixel above or below, left or right of them.
    sides = (below & ~above, left & ~right, above & ~below, right & ~left)
    steps = []
    for direction, found in enumerate(sides):
        # Steps to the left or up start at the other end of their side.
        dx, dy = (max(0, -step) for step in _STEPS[direction])
        steps += [(x + dx, y + dy, direction) for y, x in np.argwhere(found).tolist()]
    known, followed, paths = set(steps), set(), []
    # Steps to the right come first, in raster order. Every path has one, and begins at a corner.
    for step in steps:
        if step not in followed:
            x, y, _ = step
            paths.append((x, y, _follow(step, known, followed)))
    return paths


def _follow(first: Step, known: Set[Step], followed: set[Step]) -> list[tuple[int, int]]:
    """Returns the corners of the path that begins with the step `first`.

    Args:
      first: The step.
      known: All steps.
      followed: Gets the steps of the path.
    """
    corners = []
    step = first
    while True:
        followed.add(step)
        x, y, direction = step
        x, y = x + _STEPS[direction][0], y + _STEPS[direction][1]
        turns = ((x, y, (direction + turn) % 4) for turn in _TURNS)
        step = next(turned for turned in turns if turned in known)
        if step[2] != direction:
            corners.append((x, y))
        if step == first:
            return corners


def _simple_rings(corners: list[tuple[int, int]]) -> list[np.ndarray]:
    """Cuts a closed path where it passes a corner twice; returns int32 [N, 2] for each ring."""
    rings: list[list[tuple[int, int]]] = []
    path: list[tuple[int, int]] = []
    places: dict[tuple[int, int], int] = {}
    for corner in corners:
        if corner in places:
            start = places[corner]
            rings.append(path[start:])
            for passed in path[start:]:
                del places[passed]
            del path[start:]
        places[corner] = len(path)
        path.append(corner)
    return [np.array(ring, np.int32) for ring in (*rings, path)]


def _doubled_area(ring: np.ndarray) -> int:
    """Returns twice the area of a ring, positive if it is clockwise as seen on the screen."""
    x, y = ring.T.astype(np.int64)
    return int(x @ np.roll(y, -1) - y @ np.roll(x, -1))
