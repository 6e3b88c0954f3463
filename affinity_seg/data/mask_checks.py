"""Checks over a whole data set that instance images have one id for each object.

Two mistakes make training useless although every file can be read. In a *binary mask* all
objects have one id. In a *blended mask* ids were mixed at the borders of objects, because the mask
was resized, smoothed or stored as JPEG. `shapes_of` measures each image; `check` decides from the
measures of all images. docs/data.md has the thresholds.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

import cv2
import numpy as np

from affinity_seg import labels
from affinity_seg.data import mistakes

MIN_PART = 0.1
"""Smallest part of an id that counts, as a share of the largest part, to ignore specks."""

MAX_PARTS, MAX_PARTS_OF_SINGLE = 4, 2
"""Parts for each id, as a mean, from which ids are no objects; the second where images have one id
each. Of synthetic streets, where poles split objects, the mean is 1.6."""

SINGLE_SHARE = 0.9
"""Share of the images that must have one id each for `MAX_PARTS_OF_SINGLE`."""

MIN_EXTRA_PARTS = 5
"""Least number of parts, beyond one for each id, for an error about the data set."""

MANY_PARTS, MANY_SHARE = 6, 0.05
"""An image with a single id in so many parts is suspicious; this share of the images, and at least
two of them, is refused."""

BLENDED_SHARE = 0.25
"""Share of the outlines' pixels that must be blended. It was below 0.15 in masks that were drawn,
above 0.33 in those that were resized or smoothed."""

MIN_BLENDED = 20
"""Blended pixels, or ids that only line others, that an image must have."""

_BLOCK = np.ones((3, 3), np.uint8)


class MaskShapes(NamedTuple):
    """Measures of the ids of one image.

    Attributes:
      path: The instance image.
      num_ids: Different ids.
      num_parts: Parts of all ids, 8-connected; an id's parts below `MIN_PART` of its largest do
        not count.
      num_outline: Pixels of ids beside another id or the background.
      num_blended: Those of them that are between two ids, see `_blending`.
      num_lining: Ids that fill no block of 3x3 pixels and mostly touch other ids.
      is_blended: Whether ids are mixed at the borders of objects.
      most_parts: The id in most parts, and their number; (0, 0) without ids.
      has_void: Whether a pixel is void.
    """

    path: str
    num_ids: int
    num_parts: int
    num_outline: int
    num_blended: int
    num_lining: int
    is_blended: bool
    most_parts: tuple[int, int]
    has_void: bool


def shapes_of(path: str, classes: np.ndarray, instances: np.ndarray) -> MaskShapes:
    """Measures an instance image.

    Args:
      path: The file, for messages.
      classes: int32 [H, W], see `labels.ClassTable.decode`.
      instances: int32 [H, W], likewise.
    """
    ids = np.maximum(instances, 0).astype(np.uint16)
    values, parts = _parts(ids)
    num_outline, num_blended, num_lining = _blending(ids, values)
    has_seams = num_blended >= MIN_BLENDED and num_blended >= BLENDED_SHARE * num_outline
    has_linings = num_lining >= MIN_BLENDED and 2 * num_lining >= len(values)
    most = int(parts.argmax()) if len(parts) else -1
    return MaskShapes(
        path=path,
        num_ids=len(values),
        num_parts=int(parts.sum()),
        num_outline=num_outline,
        num_blended=num_blended,
        num_lining=num_lining,
        is_blended=has_seams or has_linings,
        most_parts=(int(values[most]), int(parts[most])) if len(parts) else (0, 0),
        has_void=bool((classes == labels.VOID_CLASS).any()),
    )


def check(
    folder: str,
    measured: Iterable[MaskShapes],
    class_table: labels.ClassTable,
    allowed: Collection[str] = (),
    *,
    has_ids: bool = True,
) -> None:
    """Raises or warns if the instance images of a data set look wrong.

    Args:
      folder: Their folder, for messages.
      measured: The result of `shapes_of` for each image.
      class_table: The classes.
      allowed: Some of `mistakes.NAMES`, which are warnings instead of errors.
      has_ids: Whether files hold ids; other forms of truth have no values that are void.

    Raises:
      ValueError: Masks are blended or binary, and that is not allowed.
    """
    measured = sorted(measured)
    blended = [one for one in measured if one.is_blended]
    if blended:
        worst = max(blended, key=lambda one: (one.num_lining, one.num_blended))
        mistakes.refuse(
            mistakes.BLENDED_MASKS,
            f"{folder}: in {len(blended)} of {len(measured)} instance images ids are mixed at the "
            f"borders of objects, as by resizing, smoothing or JPEG: {_paths(blended)}; "
            f"{worst.path} has {worst.num_ids} ids, {worst.num_lining} of which only line others, "
            f"and {worst.num_blended} of the {worst.num_outline} pixels along outlines are of an "
            "id between two others; resize masks by nearest neighbour, without smoothing, and "
            "store them as PNG",
            allowed,
        )
    _check_parts(folder, [one for one in measured if one.num_ids and not one.is_blended], allowed)
    void = [value for value in class_table.void_label_ids if value > 0]
    if (
        has_ids
        and class_table.encoding == "ids"
        and void
        and not any(one.has_void for one in measured)
    ):
        mistakes.warn(
            f"{folder}: `void_label_ids` {void} occur in none of {len(measured)} instance images"
        )


def _check_parts(folder: str, measured: list[MaskShapes], allowed: Collection[str]) -> None:
    """Raises or warns if ids consist of so many parts that they cannot be objects."""
    if not measured:
        return
    count = len(measured)
    ids, parts = (sum(getattr(one, name) for one in measured) for name in ("num_ids", "num_parts"))
    single = [one for one in measured if one.num_ids == 1]
    most = MAX_PARTS_OF_SINGLE if len(single) >= SINGLE_SHARE * count else MAX_PARTS
    in_many = [one for one in single if one.num_parts >= MANY_PARTS]
    worst = max(measured, key=lambda one: one.most_parts[1])
    advice = (
        f"the most has {worst.path}: id {worst.most_parts[0]} in {worst.most_parts[1]} parts; "
        "each object needs an id of its own, as cv2.connectedComponents gives"
    )
    if parts >= most * ids and parts - ids >= MIN_EXTRA_PARTS:
        split = [one for one in measured if one.num_parts > one.num_ids]
        mistakes.refuse(
            mistakes.BINARY_MASKS,
            f"{folder}: {ids} ids lie in {parts} separate parts in {count} instance images with "
            f"objects, so that they seem to be binary masks or masks of classes: {_paths(split)}; "
            f"{advice}",
            allowed,
        )
    elif in_many:
        message = (
            f"{folder}: {len(in_many)} of {count} instance images with objects have a single id, "
            f"in {MANY_PARTS} or more separate parts, as binary masks do: {_paths(in_many)}; "
            f"{advice}"
        )
        if len(in_many) >= max(2, MANY_SHARE * count):
            mistakes.refuse(mistakes.BINARY_MASKS, message, allowed)
        else:
            mistakes.warn(message)


def _paths(measured: list[MaskShapes]) -> str:
    return mistakes.listed([one.path for one in measured])


def boxes_of(ids: np.ndarray) -> tuple[np.ndarray, list[tuple[slice, slice]]]:
    """Returns the ids that occur but 0, ascending, and the rows and columns of each.

    Args:
      ids: Whole numbers from 0 on, [H, W].
    """
    pixels = np.flatnonzero(ids)
    found = ids.ravel()[pixels]
    order = np.argsort(found, kind="stable")
    pixels, found = pixels[order], found[order]
    start = np.flatnonzero(np.diff(found, prepend=found.dtype.type(0)))
    values = found[start]
    if not len(values):
        return values, []
    sides = []
    for axis in np.divmod(pixels, ids.shape[1]):
        ends = np.minimum.reduceat(axis, start), np.maximum.reduceat(axis, start) + 1
        sides.append([slice(*pair) for pair in zip(*ends, strict=True)])
    return values, list(zip(*sides, strict=True))


def count_parts(mask: np.ndarray) -> int:
    """Returns the parts of an object that count, see `MIN_PART`; its mask is uint8 [H, W]."""
    stats = cv2.connectedComponentsWithStats(mask, connectivity=8)[2]
    sizes = stats[1:, cv2.CC_STAT_AREA]
    return np.count_nonzero(sizes >= MIN_PART * sizes.max())


def _parts(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ids of uint16 [H, W] but 0, ascending, and the parts of each that count."""
    values, boxes = boxes_of(ids)
    masks = ((ids[box] == value).astype(np.uint8) for value, box in zip(values, boxes, strict=True))
    return values, np.array([count_parts(mask) for mask in masks], np.int64)


def _blending(ids: np.ndarray, values: np.ndarray) -> tuple[int, int, int]:
    """Returns the pixels along outlines, those that are blended, and the ids that only line others.

    A pixel is blended if it lies in no block of 3x3 pixels of its id, and its id is strictly
    between the lowest and the highest around it. In a mask that was drawn, such pixels are few:
    they need a thin part of an object between the background, or a lower id, and a higher one.
    JPEG of the best quality leaves fewer of them, but many ids that only line others.

    Args:
      ids: uint16 [H, W].
      values: Those that occur, but 0.
    """
    lowest, highest = cv2.erode(ids, _BLOCK), cv2.dilate(ids, _BLOCK)
    is_object = ids > 0
    is_even = is_object & (lowest == highest)
    is_thin = is_object & (cv2.dilate(is_even.astype(np.uint8), _BLOCK) == 0)
    num_blended = np.count_nonzero(is_thin & (lowest < ids) & (ids < highest))
    num_outline = np.count_nonzero(is_object & ~is_even)
    lowest_object = cv2.erode(np.where(is_object, ids, np.uint16(2**16 - 1)), _BLOCK)
    is_touching = is_object & ((highest != ids) | (lowest_object != ids))
    sizes, thin, touching = (
        np.bincount(ids[mask], minlength=2**16)[values]
        for mask in (is_object, is_thin, is_touching)
    )
    num_lining = np.count_nonzero((thin == sizes) & (2 * touching >= sizes))
    return int(num_outline), int(num_blended), int(num_lining)
