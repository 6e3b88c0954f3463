"""`coco`: the instances of all pictures as a data set of COCO."""

from collections.abc import Sequence
from typing import Any

from affinity_seg import files
from affinity_seg.evaluation import coco_format
from affinity_seg.export.coco import data_set
from affinity_seg.export.formats.picture import SegmentedPicture

FILE_NAME = "instances_coco.json"


def convert(picture: SegmentedPicture) -> dict[str, Any]:
    """Returns name and names of the classes, and the picture with its annotations."""
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
    return {
        "class_table": picture.class_table.name,
        "class_names": picture.class_table.class_names,
        "image": image,
        "annotations": annotations,
    }


def join(converted: Sequence[dict[str, Any]]) -> bytes:
    """Returns the file of the pictures, which have the same classes."""
    images, annotations, _ = coco_format.numbered_images(
        coco_format.DescribedImage(one["image"], one["annotations"], []) for one in converted
    )
    classes = converted[0]["class_table"], converted[0]["class_names"]
    return files.json_bytes(data_set(images, annotations, *classes))
