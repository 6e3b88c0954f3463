"""`geojson`: the instances as detections of QuPath, which measures and classifies these."""

import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from affinity_seg.export.formats.picture import SegmentedPicture
from affinity_seg.export.outlines import Polygon

FILE_NAME = "{name}.geojson"


def convert(picture: SegmentedPicture) -> bytes:
    """Returns the file of a picture, with a detection for each instance."""
    return collection(picture, "detection")


def collection(picture: SegmentedPicture, object_type: str) -> bytes:
    """Returns a feature for each instance, coordinates in pixels, as the bytes of a file.

    Args:
      picture: The picture.
      object_type: What the features are in QuPath: `detection` or `annotation`.
    """
    # Written feature by feature: large pictures have hundreds of megabytes of them, as lists of
    # numbers many times that, and joined strings would be copied.
    file = io.BytesIO()
    file.write(b'{"type": "FeatureCollection", "features": [')
    for index, polygons in enumerate(picture.polygons):
        separator = ", " if index else ""
        feature = _feature(picture, index, polygons, object_type)
        file.write((separator + json.dumps(feature)).encode())
    file.write(b"]}\n")
    return file.getvalue()


def _feature(
    picture: SegmentedPicture, index: int, polygons: Sequence[Polygon], object_type: str
) -> dict[str, Any]:
    instances = picture.instances
    class_index = instances.classes[index]
    return {
        "type": "Feature",
        "geometry": _geometry(polygons),
        "properties": {
            "objectType": object_type,
            "name": str(index + 1),
            "classification": {
                "name": picture.class_table.class_names[class_index],
                "color": list(picture.class_table.colors[class_index]),
            },
            "measurements": {
                "score": float(instances.scores[index]),
                "area_px": int(instances.sizes[index]),
            },
        },
    }


def _geometry(polygons: Sequence[Polygon]) -> dict[str, Any]:
    rings = [[_closed(ring) for ring in (one.shell, *one.holes)] for one in polygons]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def _closed(ring: np.ndarray) -> list[list[int]]:
    """Returns the corners of a ring, the first one also at the end."""
    return [*ring.tolist(), ring[0].tolist()]
