"""`labels_tiff`: a TIFF of instance ids, 0 on the background."""

import io

import numpy as np

from affinity_seg.export.formats.picture import SegmentedPicture

FILE_NAME = "{name}_labels.tif"

_MICROMETRES_PER_CENTIMETRE = 10_000


def convert(picture: SegmentedPicture) -> bytes:
    """Returns the file of a picture: 16 bits, or 32 where an id needs more.

    The size of a pixel is its resolution, pixels per centimetre.
    """
    import tifffile

    ids = picture.instances.instance_ids
    is_large = len(picture.instances.classes) > np.iinfo(np.uint16).max
    resolution = {}
    if picture.pixel_size is not None:
        per_centimetre = _MICROMETRES_PER_CENTIMETRE / picture.pixel_size
        resolution = {"resolution": (per_centimetre,) * 2, "resolutionunit": "CENTIMETER"}
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        ids.astype(np.uint32 if is_large else np.uint16),
        photometric="minisblack",
        compression="zlib",
        metadata=None,
        **resolution,
    )
    return file.getvalue()
