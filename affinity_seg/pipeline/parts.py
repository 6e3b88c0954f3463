"""Cuts a large picture into parts that overlap, and decides which part an instance belongs to.

    box      |-------------------------|        what the part sees
    core           |-------------|              what it decides on
              <---->             <---->         overlap

The cores cover the picture without overlap. An instance belongs to the part in whose core the
middle of its box lies. Every part that sees all of an instance finds the same pixels, so all agree.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np

from affinity_seg import grids
from affinity_seg.configs.inference import TILE_GRID
from affinity_seg.instances import Box

SIDE = 2048
"""Height and width of what a part sees, zoomed pixels; more if the overlap is large."""


class Part(NamedTuple):
    """A part of a picture.

    Attributes:
      core: What it decides on, in pixels of the picture.
      box: What it sees, in pixels of the picture.
      zoomed: What covers `box`, in zoomed pixels. It begins at a multiple of `TILE_GRID`, and ends
        at one counted from the end of the picture, so that logits of the picture and of its mirror
        image lie in it as they lie in the whole.
      grid: Where `zoomed` and `box` lie in the whole.
    """

    core: Box
    box: Box
    zoomed: Box
    grid: grids.Part

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of `box`, pixels."""
        y0, x0, y1, x1 = self.box
        return y1 - y0, x1 - x0

    @property
    def zoomed_size(self) -> tuple[int, int]:
        """Height and width of `zoomed`, pixels."""
        y0, x0, y1, x1 = self.zoomed
        return y1 - y0, x1 - x0

    @property
    def offset(self) -> np.ndarray:
        """What is added to boxes in pixels of `box` to have those of the picture, int64 [4]."""
        return np.array(self.box[:2] * 2)

    def owns(self, boxes: np.ndarray) -> np.ndarray:
        """Returns which instances belong to the part, bool [N].

        Args:
          boxes: int [N, 4], pixels of the picture.
        """
        middle = (boxes[:, :2] + boxes[:, 2:]) // 2
        y0, x0, y1, x1 = self.core
        return np.all((middle >= (y0, x0)) & (middle < (y1, x1)), axis=1)

    def cuts(self, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Returns which instances are larger than the overlap, bool [N].

        They reach from the core to where the part's sight ends, and perhaps go on there.

        Args:
          boxes: int [N, 4], pixels of the picture.
          size: Height and width of the picture, pixels.
        """
        touches = np.zeros(len(boxes), bool)
        for axis in (0, 1):
            touches |= (boxes[:, axis] == self.box[axis]) & (self.box[axis] > 0)
            end = axis + 2
            touches |= (boxes[:, end] == self.box[end]) & (self.box[end] < size[axis])
        reaches = (boxes[:, :2] < self.core[2:]) & (boxes[:, 2:] > self.core[:2])
        return touches & reaches.all(axis=1)


def cut(size: tuple[int, int], zoomed: tuple[int, int], overlap: int, columns: int) -> list[Part]:
    """Cuts a picture into parts.

    Args:
      size: Height and width of the picture, pixels.
      zoomed: Its height and width after the zoom.
      overlap: How far a part sees beyond its core, zoomed pixels.
      columns: The parts are listed row by row in stripes of so many columns, which are below each
        other. So what neighbours share is needed again soon.

    Returns:
      The parts. A picture that is small enough is one part.
    """
    rows, all_columns = (_spans(*sides, overlap) for sides in zip(size, zoomed, strict=True))
    found = []
    for first in range(0, len(all_columns), columns):
        for row in rows:
            for column in all_columns[first : first + columns]:
                core, box, inside = (
                    (y[0], x[0], y[1], x[1]) for y, x in zip(row, column, strict=True)
                )
                grid = grids.Part(zoomed, inside[:2], size, box[:2])
                found.append(Part(core, box, inside, grid))
    return found


def width_of(overlap: int) -> int:
    """Returns the height and width of a core that has other cores at all sides, zoomed pixels."""
    return max(SIDE, 4 * overlap) - 2 * overlap


def _spans(side: int, zoomed: int, overlap: int) -> list[tuple[tuple[int, int], ...]]:
    """Returns core, box and zoomed box of each part along one axis: begin and end of each."""
    # Where the picture ends there is no overlap, so the first and the last core are wider by it.
    count = max(1, -(-(zoomed - 2 * overlap) // width_of(overlap)))
    margin = math.ceil(overlap * side / zoomed)
    cuts = [margin + i * (side - 2 * margin) // count for i in range(1, count)]
    spans = []
    for i, (begin, end) in enumerate(itertools.pairwise([0, *cuts, side])):
        first = 0 if i == 0 else max(0, begin - margin)
        last = side if i == count - 1 else min(side, end + margin)
        zoomed_first = first * zoomed // side // TILE_GRID * TILE_GRID
        rest = zoomed - -(-last * zoomed // side)
        spans.append(
            ((begin, end), (first, last), (zoomed_first, zoomed - rest // TILE_GRID * TILE_GRID))
        )
    return spans
