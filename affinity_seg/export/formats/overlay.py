"""`png`: the picture with every instance in its own colour."""

import cv2

from affinity_seg.data import pictures
from affinity_seg.export.formats.picture import SegmentedPicture
from affinity_seg.visualization.overlays import draw_instances

FILE_NAME = "{name}_instances.png"


def convert(picture: SegmentedPicture) -> bytes:
    """Returns the file of a picture."""
    drawn = draw_instances(pictures.as_rgb(picture.image), picture.instances, picture.class_table)
    return cv2.imencode(".png", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))[1].tobytes()
