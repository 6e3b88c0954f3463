"""`geojson`: the outlines of the instances as QuPath reads them."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from affinity_seg.export.formats.picture import SegmentedPicture
from affinity_seg.export.outlines import Polygon

FILE_NAME = "{name}.geojson"


def convert(picture: SegmentedPicture) -> bytes:
    """Returns the file of a picture: a feature for each instance, coordinates in pixels."""
    instances, class_table = picture.instances, picture.class_table
    features = [
        {
            "type": "Feature",
            "geometry": _geometry(polygons),
            "properties": {
                "objectType": "detection",
                "name": str(index + 1),
                "classification": {
                    "name": picture.class_names[index],
                    "color": list(class_table.colors[instances.classes[index]]),
                },
                "measurements": {
                    "score": float(instances.scores[index]),
                    "area_px": int(instances.sizes[index]),
                },
            },
        }
        for index, polygons in enumerate(picture.polygons)
    ]
    content = {"type": "FeatureCollection", "features": features}
    return (json.dumps(content) + "\n").encode()


def _geometry(polygons: Sequence[Polygon]) -> dict[str, Any]:
    rings = [[_closed(ring) for ring in (one.shell, *one.holes)] for one in polygons]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def _closed(ring: np.ndarray) -> list[list[int]]:
    """Returns the corners of a ring, the first one also at the end."""
    return [*ring.tolist(), ring[0].tolist()]
