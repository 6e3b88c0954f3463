"""Truth as ImageJ's regions of interest, for each image as its ROI Manager saves them.

That is a zip of regions, or a single region. Each is an object. They have no classes: ImageJ keeps
none. Read with roifile.
"""

import io
import os
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from affinity_seg import input_errors
from affinity_seg.data import annotated_shapes, unlisted
from affinity_seg.data.annotated_shapes import Point
from affinity_seg.data.object_masks import ObjectMask
from affinity_seg.data.truth_forms import REGION_SUFFIX

if TYPE_CHECKING:
    import roifile

_MAX_BYTES = 2**26
"""Largest region when it is unpacked, bytes."""

_AREAS = ("POLYGON", "RECT", "OVAL", "FREEHAND", "TRACED")
"""Kinds of regions that enclose an area; a shape of several parts is stored as a RECT."""

_POSITIONS = ("position", "c_position", "z_position", "t_position")
"""Fields of a region that say in which slice of a stack it lies; 0: in none."""


def read(path: str, size: tuple[int, int]) -> list[ObjectMask]:
    """Reads the objects of an image, in the order of the archive; an empty one has none.

    Args:
      path: The file.
      size: Height and width of the image.

    Raises:
      ValueError: The file is damaged or of another kind, a region encloses no area, regions lie in
        several slices of a stack, or they are of another image.
    """
    with open(path, "rb") as file:
        content = file.read()
    is_single = path.lower().endswith(REGION_SUFFIX)
    regions = [(os.path.basename(path), content)] if is_single else _unpack(path, content)
    found, slices = [], set()
    for name, data in regions:
        where = f"{path}: region {name}"
        region, rings = _parse(where, data)
        slices.add(tuple(getattr(region, field) for field in _POSITIONS))
        polygon = [
            annotated_shapes.ring(ring, size, f"{where}: coordinates", "points") for ring in rings
        ]
        found.append(annotated_shapes.from_rings(f"region {name}", None, [polygon], size))
    if len(slices) > 1:
        raise ValueError(
            f"{path}: regions must be of one slice of a stack: they are of {len(slices)}; save "
            "those of each slice for its own image"
        )
    return found


def _unpack(path: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yields the name and the bytes of each region of an archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                name = entry.filename.replace("\\", "/")
                # macOS adds hidden files.
                if name.endswith("/") or unlisted.is_hidden(os.path.basename(name)):
                    continue
                if not name.lower().endswith(REGION_SUFFIX):
                    raise ValueError(f"{path}: must hold regions only, *{REGION_SUFFIX}: {name!r}")
                if entry.file_size > _MAX_BYTES:
                    raise ValueError(
                        f"{path}: a region must have at most {_MAX_BYTES} bytes: {name!r} has "
                        f"{entry.file_size}"
                    )
                yield name, archive.read(entry)
    # The second for other versions and methods of the format, the third for encryption.
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path}: must be a zip of ImageJ's regions: {error}") from error


def _parse(where: str, data: bytes) -> tuple["roifile.ImagejRoi", list[list[Point]]]:
    """Returns a region and its rings.

    Raises:
      ValueError: It is damaged, or encloses no area.
    """
    import roifile

    try:
        region = roifile.ImagejRoi.frombytes(data)
        rings = _rings(region)
    except Exception as error:  # Of a damaged one, any.
        if input_errors.is_of_the_machine(error):
            raise
        raise ValueError(f"{where}: cannot be read: {error}".splitlines()[0]) from error
    kind = region.roitype.name
    if kind not in _AREAS:
        raise ValueError(
            f"{where}: must enclose an area, as {', '.join(_AREAS)} do: {kind}; draw it again or "
            "remove it"
        )
    return region, rings


def _rings(region: "roifile.ImagejRoi") -> list[list[Point]]:
    """Returns the corners of each ring of a region."""
    kind = region.roitype.name
    if region.multi_coordinates is None and kind in ("RECT", "OVAL"):
        left, top = float(region.left), float(region.top)
        width, height = region.right - left, region.bottom - top
        if region.subpixelrect:
            left, top, width, height = region.xd, region.yd, region.widthd, region.heightd
        if kind == "OVAL":
            return [annotated_shapes.ellipse(left + width / 2, top + height / 2, width, height)]
        right, bottom = left + width, top + height
        return [[(left, top), (right, top), (right, bottom), (left, bottom)]]
    return [ring.tolist() for ring in region.coordinates(multi=True)]
