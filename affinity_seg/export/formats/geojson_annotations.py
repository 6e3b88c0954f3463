"""`geojson_annotations`: the instances as annotations of QuPath, whose outlines it can edit."""

from affinity_seg.export.formats import geojson
from affinity_seg.export.formats.picture import SegmentedPicture

FILE_NAME = "{name}_annotations.geojson"


def convert(picture: SegmentedPicture) -> bytes:
    """Returns the file of a picture, with an annotation for each instance."""
    return geojson.collection(picture, "annotation")
