"""`labels_tiff`: a TIFF of instance ids, 0 on the background."""

import io
import zlib

import numpy as np

from affinity_seg.export.formats.picture import SegmentedPicture

FILE_NAME = "{name}_labels.tif"

_MICROMETRES_PER_CENTIMETRE = 10_000

_ROWS = 512
"""Rows of a strip."""

_BIG_BYTES = 2**31
"""Label images of more bytes are BigTIFF files: classic ones end at 4 GB."""


def convert(picture: SegmentedPicture) -> bytes:
    """Returns the file of a picture: 16 bits, or 32 where an id needs more.

    The size of a pixel is its resolution, pixels per centimetre. The file is stored in strips, of
    which one after the other is made. ImageJ reads no tiles.
    """
    import tifffile

    height, width = size = picture.size
    is_large = len(picture.instances.classes) > np.iinfo(np.uint16).max
    dtype = np.dtype("<u4" if is_large else "<u2")
    resolution = {}
    if picture.pixel_size is not None:
        per_centimetre = _MICROMETRES_PER_CENTIMETRE / picture.pixel_size
        resolution = {"resolution": (per_centimetre,) * 2, "resolutionunit": "CENTIMETER"}
    strips = (
        zlib.compress(
            picture.cropped.ids((top, 0, min(top + _ROWS, height), width)).astype(dtype).tobytes()
        )
        for top in range(0, height, _ROWS)
    )
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        strips,
        shape=size,
        dtype=dtype,
        byteorder="<",
        rowsperstrip=_ROWS,
        bigtiff=height * width * dtype.itemsize > _BIG_BYTES,
        photometric="minisblack",
        compression="zlib",
        metadata=None,
        **resolution,
    )
    return file.getvalue()
