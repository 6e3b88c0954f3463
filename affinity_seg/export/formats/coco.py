"""`coco`: the instances of all pictures as a data set of COCO."""

from collections.abc import Sequence

from affinity_seg import files
from affinity_seg.evaluation import coco_format
from affinity_seg.export.coco import data_set
from affinity_seg.export.formats.picture import SegmentedPicture
from affinity_seg.labels import ClassTable

FILE_NAME = "instances_coco.json"


def convert(picture: SegmentedPicture) -> tuple[ClassTable, coco_format.DescribedImage]:
    """Returns the classes, and the picture with its annotations."""
    instances = picture.instances
    height, width = picture.size
    annotations = [
        {
            "category_id": int(instances.classes[index]),
            "segmentation": picture.run_lengths[index],
            "area": int(instances.sizes[index]),
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "iscrowd": 0,
            "score": float(instances.scores[index]),
        }
        for index, (y0, x0, y1, x1) in enumerate(instances.boxes.tolist())
    ]
    image = {"file_name": picture.filename, "height": height, "width": width}
    return picture.class_table, coco_format.DescribedImage(image, annotations, [])


def join(converted: Sequence[tuple[ClassTable, coco_format.DescribedImage]]) -> bytes:
    """Returns the file of the pictures, which have the same classes."""
    class_table = converted[0][0]
    images, annotations, _ = coco_format.numbered_images(image for _, image in converted)
    return files.json_bytes(data_set(images, annotations, class_table))
