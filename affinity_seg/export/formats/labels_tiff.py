"""`labels_tiff`: a TIFF of instance ids, 0 on the background."""

import io

import numpy as np

from affinity_seg.export.formats.picture import SegmentedPicture

FILE_NAME = "{name}_labels.tif"

_MICROMETRES_PER_CENTIMETRE = 10_000


_TILE = 512
"""Height and width of the tiles of large pictures, pixels."""

_BIG_BYTES = 2**31
"""Label images of more bytes are BigTIFF files: classic ones end at 4 GB."""


def convert(picture: SegmentedPicture) -> bytes:
    """Returns the file of a picture: 16 bits, or 32 where an id needs more.

    The size of a pixel is its resolution, pixels per centimetre. Pictures larger than a tile are
    stored in tiles, of which one after the other is made.
    """
    import tifffile

    height, width = size = picture.size
    is_large = len(picture.instances.classes) > np.iinfo(np.uint16).max
    dtype = np.dtype(np.uint32 if is_large else np.uint16)
    resolution = {}
    if picture.pixel_size is not None:
        per_centimetre = _MICROMETRES_PER_CENTIMETRE / picture.pixel_size
        resolution = {"resolution": (per_centimetre,) * 2, "resolutionunit": "CENTIMETER"}
    tiles = (
        picture.cropped.ids((top, left, min(top + _TILE, height), min(left + _TILE, width))).astype(
            dtype
        )
        for top in range(0, height, _TILE)
        for left in range(0, width, _TILE)
    )
    is_tiled = max(size) > _TILE
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        tiles if is_tiled else next(tiles),
        shape=size,
        dtype=dtype,
        tile=(_TILE, _TILE) if is_tiled else None,
        bigtiff=height * width * dtype.itemsize > _BIG_BYTES,
        photometric="minisblack",
        compression="zlib",
        metadata=None,
        **resolution,
    )
    return file.getvalue()
