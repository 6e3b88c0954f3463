"""Collects the instances of the parts of a large picture, so that each is there once."""

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from affinity_seg.instances import (
    Box,
    CroppedInstances,
    Instances,
    box_around,
    packed,
    unpacked,
)
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline.parts import Part

_CELL = 128
"""Side of the squares by which instances are looked up, pixels."""

_INNER, _CROSSING, _PIECE = range(3)
"""Ranks: inside of its part's core, reaching out of it, the piece of a larger object in the core.

Where two parts disagree, the lower rank keeps the pixels, then the earlier part.
"""


class _Entry(NamedTuple):
    """An instance: its rank and box in the picture, packed mask, class, score and votes."""

    rank: int
    box: Box
    mask: bytes
    class_index: int
    score: float
    votes: np.ndarray | None


class PartResults:
    """The instances of the parts so far.

    An instance is taken from the part that owns it. An object larger than the overlap may be seen
    as a whole by no part. So each part also gives the piece of it that lies in its core. A piece
    whose pixels another part has given is left out.
    """

    def __init__(self, size: tuple[int, int], class_table: ClassTable):
        """Begins without instances.

        Args:
          size: Height and width of the picture, pixels.
          class_table: The classes.
        """
        self._size = size
        self._class_table = class_table
        self._entries: list[_Entry] = []

    def add(self, part: Part, found: Instances) -> None:
        """Adds what was found in a part.

        Args:
          part: The part.
          found: Its instances, NumPy, in pixels of `part.box`.
        """
        boxes = found.boxes + part.offset
        is_cut = part.cuts(boxes, self._size)
        for index in np.flatnonzero(part.owns(boxes) | is_cut):
            box, rank = tuple(boxes[index].tolist()), _CROSSING
            if is_cut[index]:
                box, rank = _common(box, part.core), _PIECE
            elif _common(box, part.core) == box:
                rank = _INNER
            y0, x0, y1, x1 = (np.array(box) - part.offset).tolist()
            mask = found.instance_ids[y0:y1, x0:x1] == index + 1
            if mask.any():
                votes = None if found.votes is None else found.votes[index]
                described = int(found.classes[index]), float(found.scores[index]), votes
                self._entries.append(_Entry(rank, *_tight(mask, box), *described))

    def finish(self) -> tuple[CroppedInstances, int]:
        """Returns all instances, and how many of them are pieces."""
        kept: list[_Entry] = []
        cells: dict[tuple[int, int], list[int]] = defaultdict(list)
        for entry in sorted(self._entries, key=lambda entry: entry.rank):  # Stable.
            if entry.rank != _INNER:
                near = {index for cell in _cells(entry.box) for index in cells[cell]}
                entry = _without(entry, [kept[index] for index in sorted(near)])
            if entry is not None:
                for cell in _cells(entry.box):
                    cells[cell].append(len(kept))
                kept.append(entry)
        votes = [entry.votes for entry in kept]
        found = CroppedInstances(
            self._size,
            np.array([entry.box for entry in kept]),
            [entry.mask for entry in kept],
            np.array([entry.class_index for entry in kept]),
            np.array([entry.score for entry in kept]),
            None if any(one is None for one in votes) else _stacked(votes, self._class_table),
            self._class_table,
        )
        return found, sum(entry.rank == _PIECE for entry in kept)


def _without(entry: _Entry, others: list[_Entry]) -> _Entry | None:
    """Returns an instance without the pixels of others; None if it loses half of them or more."""
    mask = unpacked(entry.mask, entry.box)
    before = np.count_nonzero(mask)
    for other in others:
        common = _common(entry.box, other.box)
        if common[0] < common[2] and common[1] < common[3]:
            own = _inside(mask, entry.box, common)
            own &= ~_inside(unpacked(other.mask, other.box), other.box, common)
    after = np.count_nonzero(mask)
    if after == before:
        return entry
    if 2 * after <= before:
        return None
    box, smaller = _tight(mask, entry.box)
    return entry._replace(box=box, mask=smaller)


def _tight(mask: np.ndarray, box: Box) -> tuple[Box, bytes]:
    """Returns the smallest box around the mask of a box, and what it holds, packed."""
    top, left, bottom, right = box_around(mask)
    smaller = box[0] + top, box[1] + left, box[0] + bottom, box[1] + right
    return smaller, packed(mask[top:bottom, left:right])


def _common(box: Box, other: Box) -> Box:
    """Returns what two boxes have in common; its ends may come before its begins."""
    return (
        max(box[0], other[0]), max(box[1], other[1]), min(box[2], other[2]), min(box[3], other[3]),
    )  # fmt: skip


def _inside(mask: np.ndarray, box: Box, part: Box) -> np.ndarray:
    """Returns the part of the mask of a box."""
    y, x = box[:2]
    return mask[part[0] - y : part[2] - y, part[1] - x : part[3] - x]


def _cells(box: Box) -> list[tuple[int, int]]:
    """Returns the squares that a box touches."""
    y0, x0, y1, x1 = box
    rows, columns = range(y0 // _CELL, -(-y1 // _CELL)), range(x0 // _CELL, -(-x1 // _CELL))
    return [(row, column) for row in rows for column in columns]


def _stacked(votes: list[np.ndarray], class_table: ClassTable) -> np.ndarray:
    """Returns the votes of all instances, int64 [N, K]."""
    return np.array(votes, np.int64).reshape(-1, class_table.num_classes)
