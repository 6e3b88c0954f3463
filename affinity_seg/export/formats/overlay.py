"""`png`: the picture with every instance in its own colour."""

import math

import numpy as np

from affinity_seg import instances as instances_lib
from affinity_seg.data import pictures
from affinity_seg.export.formats.picture import SegmentedPicture
from affinity_seg.visualization import layout
from affinity_seg.visualization.overlays import draw_instances

FILE_NAME = "{name}_instances.png"

MAX_DRAWN = 2**24
"""Most pixels that are drawn, 4096x4096. Larger pictures are drawn smaller, without labels."""


def reduction(size: tuple[int, int]) -> int:
    """Returns how many pixels of a picture's row become one in the drawing."""
    return math.ceil(math.sqrt(size[0] * size[1] / MAX_DRAWN))


def convert(picture: SegmentedPicture) -> bytes:
    """Returns the file of a picture."""
    factor = reduction(picture.size)
    if factor > 1:
        drawn = _draw_reduced(picture, factor)
    else:
        image = pictures.as_rgb(picture.image.whole())
        drawn = draw_instances(image, picture.instances.whole(), picture.class_table)
    return layout.to_png(drawn)


def _draw_reduced(picture: SegmentedPicture, factor: int) -> np.ndarray:
    """Draws a picture with one of `factor` rows and columns, uint8 RGB."""
    images, maps = [], []
    for y0, x0, y1, x1 in picture.image.all_rows():
        wanted = slice(-y0 % factor, None, factor), slice(None, None, factor)
        images.append(picture.image.read((y0, x0, y1, x1))[wanted])
        maps.append(picture.cropped.ids((y0, x0, y1, x1))[wanted])
    ids = np.concatenate(maps)
    found = instances_lib.number(ids - 1, picture.cropped.classes, picture.cropped.scores)
    image = pictures.as_rgb(np.concatenate(images))
    return draw_instances(image, found.as_numpy(), picture.class_table, has_labels=False)
