"""`labels_png`: a 16-bit PNG of instance ids, 0 on the background."""

from affinity_seg.export import label_maps
from affinity_seg.export.formats.picture import SegmentedPicture

FILE_NAME = "{name}_labels.png"


def convert(picture: SegmentedPicture) -> bytes:
    """Returns the file of a picture; ValueError if 16 bits are too few for its ids."""
    return label_maps.encode(picture.instances)
