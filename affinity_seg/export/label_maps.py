"""Label maps: for each image a 16-bit PNG of instance ids, and a JSON file that describes them."""

import contextlib
import os
from collections.abc import Sequence

import cv2
import numpy as np

from affinity_seg import files
from affinity_seg import instances as instances_lib
from affinity_seg.data.items import Item
from affinity_seg.evaluation.results import Prediction
from affinity_seg.export.reading import read_results
from affinity_seg.export.segmentation import describe_image
from affinity_seg.instances import Instances
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline.errors import errors_named
from affinity_seg.pipeline.filters import KEEP_ALL, InstanceFilter
from affinity_seg.visualization import overlays

MAX_INSTANCES = 2**16 - 1
"""Largest id in 16 bits."""


def write_label_maps(
    items: Sequence[Item],
    results_dir: str,
    class_table: ClassTable,
    output_dir: str,
    instance_filter: InstanceFilter = KEEP_ALL,
) -> int:
    """Writes the label map of every image.

    Args:
      items: The images.
      results_dir: Folder of the results.
      class_table: The classes.
      output_dir: Folder, made if needed.
      instance_filter: Which instances are written.

    Returns:
      The number of instances.

    Raises:
      FileNotFoundError: Images without result (all are listed), a missing mask or image.
      ValueError: A result breaks the format, or an image has more than `MAX_INSTANCES` instances.
    """
    files.remove_leftovers(output_dir)
    count = 0
    for result in read_results(items, results_dir, class_table, instance_filter):
        instances = to_instances(result.predictions, result.height, result.width)
        write_label_map(output_dir, result.item.name, instances, class_table)
        count += len(instances.classes)
    return count


def to_instances(predictions: Sequence[Prediction], height: int, width: int) -> Instances:
    """Combines masks into one map of `height` x `width` pixels.

    Where masks overlap, the higher score wins. An instance without a pixel of its own is dropped.
    """
    painted = overlays.paint(predictions, height, width)
    indices = painted.instance_ids - 1
    return instances_lib.number(indices, painted.classes, painted.scores).as_numpy()


def write_label_map(
    output_dir: str, name: str, instances: Instances, class_table: ClassTable
) -> tuple[str, str]:
    """Writes <name>_label_map.png, then <name>_label_map.json, whose presence marks both as whole.

    Args:
      output_dir: Folder, made if needed.
      name: Key of the image.
      instances: Its instances.
      class_table: The classes.

    Returns:
      The paths of the PNG and of the JSON file.

    Raises:
      ValueError: There are more than `MAX_INSTANCES` instances; nothing has been written.
    """
    with errors_named(name):
        content = encode(instances)
    stem = os.path.join(output_dir, f"{name}_label_map")
    png_path, json_path = stem + ".png", stem + ".json"
    with contextlib.suppress(FileNotFoundError):
        os.remove(json_path)  # It describes the old map.
    files.write_bytes(png_path, content)
    files.write_json(json_path, describe_image(name, instances, class_table))
    return png_path, json_path


def encode(instances: Instances) -> bytes:
    """Returns the label map of an image as a 16-bit PNG.

    Raises:
      ValueError: There are more than `MAX_INSTANCES` instances.
    """
    count = len(instances.classes)
    if count > MAX_INSTANCES:
        raise ValueError(f"a 16-bit label map holds at most {MAX_INSTANCES} instances: {count}")
    return cv2.imencode(".png", instances.instance_ids.astype(np.uint16))[1].tobytes()
