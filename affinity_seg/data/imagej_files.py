"""Truth as a zip of ImageJ's regions of interest for each image, as its ROI Manager saves it.

Each region is an object. They have no classes: ImageJ keeps none. Read with roifile.
"""

import io
import os
import zipfile
from typing import TYPE_CHECKING

from affinity_seg import input_errors
from affinity_seg.data import annotated_shapes, unlisted
from affinity_seg.data.annotated_shapes import Point
from affinity_seg.data.object_masks import ObjectMask

if TYPE_CHECKING:
    import roifile

_MAX_BYTES = 2**26
"""Largest region of an archive when it is unpacked, bytes."""

_AREAS = ("POLYGON", "RECT", "OVAL", "FREEHAND", "TRACED")
"""Kinds of regions that enclose an area; a shape of several parts is stored as a RECT."""


def read(path: str, size: tuple[int, int]) -> list[ObjectMask]:
    """Reads the objects of an image, in the order of the archive; an empty one has none.

    Args:
      path: The file.
      size: Height and width of the image.

    Raises:
      ValueError: The file is damaged or no archive, a region encloses no area, or it is of another
        image.
    """
    try:
        with open(path, "rb") as file:
            regions = _unpack(path, file.read())
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path}: must be a zip of ImageJ's regions: {error}") from error
    found = []
    for name, region in regions:
        where = f"{path}: region {name}"
        kind = region.roitype.name
        if kind not in _AREAS:
            raise ValueError(
                f"{where}: must enclose an area, as {', '.join(_AREAS)} do: {kind}; draw it again "
                "or remove it"
            )
        rings = [_ring(where, ring, size) for ring in region.coordinates(multi=True)]
        found.append(annotated_shapes.from_rings(f"region {name}", None, [rings], size))
    return found


def _unpack(path: str, content: bytes) -> list[tuple[str, "roifile.ImagejRoi"]]:
    """Returns the regions of an archive by their names."""
    import roifile

    found = []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            # macOS adds hidden files.
            if entry.is_dir() or unlisted.is_hidden(os.path.basename(entry.filename)):
                continue
            if not entry.filename.lower().endswith(".roi"):
                raise ValueError(f"{path}: must hold regions only, *.roi: {entry.filename!r}")
            if entry.file_size > _MAX_BYTES:
                raise ValueError(
                    f"{path}: a region must have at most {_MAX_BYTES} bytes: {entry.filename!r} "
                    f"has {entry.file_size}"
                )
            try:
                region = roifile.ImagejRoi.frombytes(archive.read(entry))
            except Exception as error:  # Of a damaged one, any.
                if input_errors.is_of_the_machine(error):
                    raise
                raise ValueError(
                    f"{path}: region {entry.filename!r} is damaged: {error}".splitlines()[0]
                ) from error
            found.append((entry.filename.removesuffix(".roi"), region))
    return found


def _ring(where: str, ring, size: tuple[int, int]) -> list[Point]:
    """Returns the corners of a ring; some of ImageJ's are closed by their first corner."""
    corners = ring.tolist()
    if len(corners) > 1 and corners[0] == corners[-1]:
        corners.pop()
    flat = [value for corner in corners for value in corner]
    return annotated_shapes.corners(flat, size, f"{where}: coordinates")
