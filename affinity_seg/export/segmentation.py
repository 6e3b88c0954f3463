"""The instances of an image described for JSON."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from affinity_seg.instances import CroppedInstances, Instances
from affinity_seg.labels import ClassTable
from affinity_seg.ops import Candidates


def describe_image(
    name: str,
    instances: Instances | CroppedInstances,
    class_table: ClassTable,
    *,
    run_lengths: Sequence[dict[str, Any]] | None = None,
    candidates: Candidates | None = None,
) -> dict[str, Any]:
    """Describes an image and its instances for JSON.

    Args:
      name: Key of the image.
      instances: Its instances.
      class_table: The classes.
      run_lengths: The mask of each instance as COCO run lengths; it then also has them, as `rle`.
      candidates: Classes of the masks; each instance then also has a list of the others than its
        own, `other_classes`, with class, class_index and score.

    Returns:
      image, height, width, class_table (name) and instances, in the order of their ids: id, class
      (name), class_index, score, box [y0, x0, y1, x1] with exclusive ends, size in pixels.
    """
    described = []
    for i, class_index in enumerate(instances.classes):
        fields = {
            "id": i + 1,
            "class": class_table.class_names[class_index],
            "class_index": int(class_index),
            "score": float(instances.scores[i]),
            "box": instances.boxes[i].tolist(),
            "size": int(instances.sizes[i]),
        }
        if run_lengths is not None:
            fields["rle"] = run_lengths[i]
        if candidates is not None:
            listed = slice(*np.searchsorted(candidates.mask_ids, [i + 1, i + 2]))
            fields["other_classes"] = [
                {
                    "class": class_table.class_names[other],
                    "class_index": int(other),
                    "score": float(score),
                }
                for other, score in zip(
                    candidates.classes[listed], candidates.scores[listed], strict=True
                )
                if other != class_index
            ]
        described.append(fields)
    height, width = instances.size
    return {
        "image": name,
        "height": height,
        "width": width,
        "class_table": class_table.name,
        "instances": described,
    }
