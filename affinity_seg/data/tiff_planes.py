"""Finds the page of a TIFF file that was chosen: slice, time or position, and its header."""

import math
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

import numpy as np

from affinity_seg.data.plane_choice import PlaneChoice
from affinity_seg.data.tiff_opening import UnusableError

if TYPE_CHECKING:
    import tifffile

_MAX_DECLARED, _MAX_PAGES = 2**24, 2**20
"""Pages that OME-XML may declare, and that a file may have. They take 8 bytes each in the lists of
tifffile, and some 200 here, before it is known whether they are in the file. Of several files that
are one data set each declares the pages of all."""


class TiffHeader(NamedTuple):
    """What is known of a page before its pixels are decoded.

    Attributes:
      height: As stored, pixels.
      width: As stored, pixels.
      orientation: As in EXIF, 1 to 8.
    """

    height: int
    width: int
    orientation: int


class Plane(NamedTuple):
    """The page that was chosen.

    Attributes:
      series: The series of pages that it belongs to.
      page: The first page of the series, which describes all.
      index: Index of the series' axes.
      axes: The axes that are left then, among YXSC.
    """

    series: "tifffile.TiffPageSeries"
    page: "tifffile.TiffPage"
    index: tuple[int | slice, ...]
    axes: str


def find(file: "tifffile.TiffFile", choice: PlaneChoice) -> Plane:
    """Returns the chosen page among those of all series; small copies are not counted."""
    found = _pages(file)
    if not found:
        raise UnusableError("the TIFF file holds no picture, or only reduced ones, as raw files do")
    number = 1 if choice.page is None else choice.page
    if choice.page is None and len(found) > 1:
        axes = {name for series, _ in found for name in _outer(series)}
        kinds = "".join(sorted(axes)) or "pictures"
        raise UnusableError(
            f"the TIFF file has {len(found)} pages (axes: {kinds}); choose one, 1 to "
            f"{len(found)}, with `--page` (in Python `page`), or store it alone"
        )
    if number > len(found):
        raise UnusableError(
            f"`page` must be at most {len(found)}, for the file has no more pages: {number}"
        )
    series, index = found[number - 1]
    wanted = iter(index)
    axes = series.axes
    whole = tuple(slice(None) if axis in "YXSC" else next(wanted) for axis in axes)
    return Plane(series, series.keyframe, whole, "".join(a for a in axes if a in "YXSC"))


def count(file: "tifffile.TiffFile") -> int:
    """Returns the number of pages among which `find` finds one."""
    return len(_pages(file))


def _pages(file: "tifffile.TiffFile") -> list[tuple["tifffile.TiffPageSeries", tuple[int, ...]]]:
    """Returns the series of each page, and its index along the axes of `_outer`."""
    if file.is_ome:
        smallest = min(page.size for page in file.pages)
        _check_number(_declared_pages(file.ome_metadata, smallest), _MAX_DECLARED)
    kept = [series for series in file.series if not series.keyframe.is_reduced]
    _check_number(sum(math.prod(_outer(series).values()) for series in kept), _MAX_PAGES)
    return [(series, index) for series in kept for index in np.ndindex(*_outer(series).values())]


def _declared_pages(ome: str, smallest: int) -> int:
    """Returns how many pages OME-XML declares: tifffile lists them, whatever is in the file.

    Args:
      ome: The XML.
      smallest: Values of the smallest page of the file, at least 1.
    """
    try:
        elements = list(ElementTree.fromstring(ome).iter())
    except ElementTree.ParseError:  # tifffile then reads the file as any other.
        return 0
    total = 0
    for element in elements:
        values = element.attrib
        if element.tag.endswith("Pixels"):
            sizes = {axis: abs(int(values.get(f"Size{axis}", 1))) for axis in "ZCTYX"}
            planes = sizes["Z"] * sizes["C"] * sizes["T"]
            total += max(planes, math.prod(sizes.values()) // smallest)
        elif element.tag.endswith("TiffData"):
            total += max(abs(int(values.get(name, 0))) for name in ("NumPlanes", "PlaneCount"))
        elif element.tag[:-1].endswith("Along") and "Start" in values:  # Of a further axis.
            start, end, step = (float(values.get(name, 1)) for name in ("Start", "End", "Step"))
            total += math.ceil(abs((end - start) / step)) + 1
    return total


def _check_number(pages: int, most: int) -> None:
    if pages > most:
        raise UnusableError(f"a TIFF file must declare at most {most} pages: {pages}")


def _outer(series: "tifffile.TiffPageSeries") -> dict[str, int]:
    """Returns the sizes of the axes along which pages are counted."""
    sizes = dict(zip(series.axes, series.shape, strict=True))
    return {axis: size for axis, size in sizes.items() if axis not in "YXSC"}


def header(plane: Plane) -> TiffHeader:
    """Returns what is known of a page before its pixels are decoded."""
    sizes = dict(zip(plane.series.axes, plane.series.shape, strict=True))
    if not {"Y", "X"} <= sizes.keys():
        raise UnusableError(f"the TIFF file holds no picture but axes {plane.series.axes}")
    orientation = plane.page.tags.valueof("Orientation", 1)
    is_known = isinstance(orientation, int) and 1 <= orientation <= 8
    return TiffHeader(sizes["Y"], sizes["X"], int(orientation) if is_known else 1)


def pages_of(plane: Plane) -> np.ndarray | None:
    """Returns the file's pages that hold the chosen one.

    Returns:
      Objects [] if it is a page of the file, or [C] if each channel is one; None if they can only
      be read together with others.

    Raises:
      ValueError: They are not in the file.
    """
    series, page = plane.series, plane.page
    outer = series.shape[: len(series.shape) - len(page.shape)]
    if series.shape[len(outer) :] != page.shape or len(series) != math.prod(outer):
        return None
    numbers = np.arange(len(series)).reshape(outer)[plane.index[: len(outer)]]
    found = np.empty(numbers.shape, object)
    for index in np.ndindex(found.shape):
        found[index] = series[int(numbers[index])]
        if found[index] is None:
            raise UnusableError("the TIFF file lacks the chosen page, it is in another file")
    return found
