"""`imagej`: a zip of ImageJ's regions of interest, one for each instance."""

import io
import re
import zipfile
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from affinity_seg.export.formats.picture import SegmentedPicture
from affinity_seg.export.outlines import Polygon
from affinity_seg.visualization import overlays

if TYPE_CHECKING:
    import roifile

FILE_NAME = "{name}_rois.zip"

MAX_SIDE = 2**15 - 1
"""Largest coordinate that ImageJ's format holds."""

_NO_DATE = (1980, 1, 1, 0, 0, 0)
"""The same results give the same bytes."""

_VERSION = 228
"""Of the format: the first with all fields that are written here."""

_OPAQUE = b"\xff"
_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0
"""What a path of several rings consists of, as in Java's PathIterator."""


def check_size(size: tuple[int, int]) -> None:
    """Raises ValueError if a picture is too large for the format.

    Args:
      size: Height and width, pixels.
    """
    height, width = size
    if max(height, width) > MAX_SIDE:
        raise ValueError(
            f"with `--formats=imagej` height and width must be at most {MAX_SIDE} pixels: "
            f"{height}x{width}"
        )


def convert(picture: SegmentedPicture) -> bytes:
    """Returns the file of a picture; errors as in `check_size`."""
    check_size(picture.size)
    colors = overlays.instance_colors(len(picture.polygons))
    class_names = picture.class_names
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for index, polygons in enumerate(picture.polygons):
            region = _region(polygons)
            class_name = class_names[index]
            # The name of the file in the archive becomes the name in ImageJ's list.
            region.name = f"{index + 1:05d}-" + re.sub(r"[^\w-]", "_", class_name)
            region.stroke_color = _OPAQUE + colors[index].tobytes()
            region.props = f"class: {class_name}\nscore: {picture.instances.scores[index]:.4f}\n"
            entry = zipfile.ZipInfo(f"{region.name}.roi", _NO_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, region.tobytes())
    return content.getvalue()


def _region(polygons: Sequence[Polygon]) -> "roifile.ImagejRoi":
    """Returns one region: a traced polygon, or a shape of several rings."""
    import roifile

    rings = [ring for polygon in polygons for ring in (polygon.shell, *polygon.holes)]
    corners = np.concatenate(rings)
    left, top = corners.min(axis=0).tolist()
    right, bottom = corners.max(axis=0).tolist()
    common = {"version": _VERSION, "left": left, "top": top, "right": right, "bottom": bottom}
    if len(rings) == 1:
        return roifile.ImagejRoi(
            roitype=roifile.ROI_TYPE.TRACED,
            integer_coordinates=corners - np.int32([left, top]),
            n_coordinates=len(corners),
            **common,
        )
    path = np.concatenate([_path(ring) for ring in rings])
    return roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.RECT, multi_coordinates=path, shape_roi_size=len(path), **common
    )


def _path(ring: np.ndarray) -> np.ndarray:
    """Returns a ring as ImageJ stores it in a shape, float32."""
    steps = np.column_stack([np.full(len(ring), _LINE), ring])
    steps[0, 0] = _MOVE
    return np.append(steps, _CLOSE).astype(np.float32)
