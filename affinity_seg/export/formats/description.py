"""`json`: every instance with class, score, box, size and mask."""

from affinity_seg import files
from affinity_seg.export import segmentation
from affinity_seg.export.formats.picture import SegmentedPicture

FILE_NAME = "{name}_instances.json"


def convert(picture: SegmentedPicture) -> bytes:
    """Returns the file of a picture."""
    return files.json_bytes(
        segmentation.describe_image(
            picture.name,
            picture.instances,
            picture.class_table,
            run_lengths=picture.run_lengths,
            candidates=picture.candidates,
        )
    )
