"""One image in, instances out, and the files that show them."""

import os
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from affinity_seg import files
from affinity_seg.inference.instances import Instances
from affinity_seg.labels import ClassTable
from affinity_seg.visualization.overlays import draw_instances


def instances_json(instances: Instances, class_table: ClassTable) -> list[dict[str, Any]]:
    """Describes instances for JSON.

    Returns:
      For each instance: id, class (name), class_index, score, box [y0, x0, y1, x1] with
      exclusive ends, size in pixels, and its mask as COCO run lengths, `rle`, that
      pycocotools decodes.
    """
    described = []
    for i, class_index in enumerate(instances.classes):
        mask = np.asfortranarray(instances.instance_ids == i + 1, np.uint8)
        rle = coco_mask.encode(mask)
        described.append(
            {
                "id": i + 1,
                "class": class_table.class_names[class_index],
                "class_index": int(class_index),
                "score": float(instances.scores[i]),
                "box": instances.boxes[i].tolist(),
                "size": int(instances.sizes[i]),
                "rle": {"size": list(rle["size"]), "counts": rle["counts"].decode("ascii")},
            }
        )
    return described


def write_segmentation(
    output_dir: str,
    name: str,
    image: np.ndarray,
    instances: Instances,
    class_table: ClassTable,
) -> tuple[str, str]:
    """Writes <name>_instances.png, the overlay, and <name>_instances.json.

    Args:
      output_dir: Folder, made if needed.
      name: First part of the file names.
      image: uint8 RGB [H, W, 3].
      instances: Its instances.
      class_table: The classes.

    Returns:
      The paths of the picture and of the JSON file.
    """
    picture = draw_instances(image, instances, class_table)
    picture_path = os.path.join(output_dir, f"{name}_instances.png")
    json_path = os.path.join(output_dir, f"{name}_instances.json")
    encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    files.write_bytes(picture_path, encoded.tobytes())
    files.write_json(
        json_path,
        {
            "image": name,
            "height": image.shape[0],
            "width": image.shape[1],
            "class_table": class_table.name,
            "instances": instances_json(instances, class_table),
        },
    )
    return picture_path, json_path
