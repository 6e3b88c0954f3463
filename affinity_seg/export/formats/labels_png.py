"""`labels_png`: a 16-bit PNG of instance ids, 0 on the background."""

from affinity_seg.data import picture_headers
from affinity_seg.export import label_maps
from affinity_seg.export.formats.picture import SegmentedPicture

FILE_NAME = "{name}_labels.png"


def check_size(size: tuple[int, int]) -> None:
    """Raises ValueError if a picture is too large, since a PNG is made as a whole.

    Args:
      size: Height and width, pixels.
    """
    height, width = size
    if height * width > picture_headers.MAX_PIXELS:
        raise ValueError(
            f"with `--formats=labels_png` a picture must have at most {picture_headers.MAX_PIXELS} "
            f"pixels: {height}x{width}; use `labels_tiff`"
        )


def convert(picture: SegmentedPicture) -> bytes:
    """Returns the file of a picture.

    Raises:
      ValueError: 16 bits are too few for its ids, or as of `check_size`.
    """
    check_size(picture.size)
    return label_maps.encode(picture.instances.whole())
