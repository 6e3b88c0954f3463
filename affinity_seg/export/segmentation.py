"""The instances of an image described for JSON."""

from typing import Any

from affinity_seg.evaluation import coco_format
from affinity_seg.instances import Instances
from affinity_seg.labels import ClassTable
from affinity_seg.ops import Candidates


def describe_image(
    name: str,
    instances: Instances,
    class_table: ClassTable,
    *,
    with_masks: bool = False,
    candidates: Candidates | None = None,
) -> dict[str, Any]:
    """Describes an image and its instances for JSON.

    Args:
      name: Key of the image.
      instances: Its instances.
      class_table: The classes.
      with_masks: Whether each instance also has its mask as COCO run lengths, `rle`.
      candidates: Classes of the masks; each instance then also has a list of the others than its
        own, `other_classes`, with class, class_index and score.

    Returns:
      image, height, width, class_table (name) and instances, in the order of their ids: id, class
      (name), class_index, score, box [y0, x0, y1, x1] with exclusive ends, size in pixels.
    """
    described = []
    count = len(instances.classes)
    masks = coco_format.instance_run_lengths(instances.instance_ids, count) if with_masks else None
    for i, class_index in enumerate(instances.classes):
        fields = {
            "id": i + 1,
            "class": class_table.class_names[class_index],
            "class_index": int(class_index),
            "score": float(instances.scores[i]),
            "box": instances.boxes[i].tolist(),
            "size": int(instances.sizes[i]),
        }
        if masks is not None:
            fields["rle"] = masks[i]
        if candidates is not None:
            fields["other_classes"] = [
                {
                    "class": class_table.class_names[other],
                    "class_index": int(other),
                    "score": float(score),
                }
                for mask_id, other, score in zip(*candidates, strict=True)
                if mask_id == i + 1 and other != class_index
            ]
        described.append(fields)
    height, width = instances.instance_ids.shape
    return {
        "image": name,
        "height": height,
        "width": width,
        "class_table": class_table.name,
        "instances": described,
    }
