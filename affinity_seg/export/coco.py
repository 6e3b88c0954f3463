"""A data set and its results as COCO's two JSON files."""

import os
from collections.abc import Sequence
from typing import Any

from affinity_seg import files
from affinity_seg.data.listing import Item
from affinity_seg.evaluation import coco_format
from affinity_seg.evaluation.truth import read_truth
from affinity_seg.export.reading import ImageResult, read_results
from affinity_seg.inference.filters import KEEP_ALL, InstanceFilter
from affinity_seg.labels import ClassTable


def write_coco(
    items: Sequence[Item],
    results_dir: str,
    class_table: ClassTable,
    dataset_path: str,
    results_path: str,
    instance_filter: InstanceFilter = KEEP_ALL,
) -> int:
    """Writes the data set, then the results.

    The data set has annotations if every image has its truth, none if no image has. An `image_id`
    is the place of the image in `items`, from 1; a `category_id` is the class index.

    Args:
      items: The images, sorted by name.
      results_dir: Folder of the results.
      class_table: The classes.
      dataset_path: JSON file for images, categories and true annotations.
      results_path: JSON file for the list of predictions.
      instance_filter: Which predictions are written; the truth is never filtered.

    Returns:
      The number of predictions.

    Raises:
      FileNotFoundError: Images without result or, where others have it, truth; all are listed.
      ValueError: A result breaks the format, or truth and image differ in size.
    """
    has_truth = _has_truth(items)
    images, true, predicted = [], [], []
    results = read_results(items, results_dir, class_table, instance_filter)
    for image_id, result in enumerate(results, start=1):
        images.append(
            {
                "id": image_id,
                "file_name": result.item.filename,
                "height": result.height,
                "width": result.width,
            }
        )
        if has_truth:
            true += _annotations(image_id, result, class_table)
        predicted += coco_format.prediction_annotations(image_id, result.predictions)
    files.write_json(
        dataset_path,
        {
            "info": {"description": f"{len(images)} images, class table {class_table.name!r}"},
            "images": images,
            "categories": coco_format.categories(class_table.class_names),
            "annotations": coco_format.numbered(true),
        },
    )
    files.write_json(results_path, predicted)
    return len(predicted)


def _has_truth(items: Sequence[Item]) -> bool:
    """Returns whether the images have truth; FileNotFoundError if only some of them have."""
    paths = [item.instance_path for item in items]
    missing = [path for path in paths if path is None or not os.path.isfile(path)]
    if missing and len(missing) < len(items):
        raise FileNotFoundError(
            f"all images must have truth, or none: {len(missing)} of {len(items)} instance images "
            "are missing:\n  " + "\n  ".join(map(str, missing))
        )
    return not missing


def _annotations(
    image_id: int, result: ImageResult, class_table: ClassTable
) -> list[dict[str, Any]]:
    """Returns the true annotations of an image."""
    truth = read_truth(result.item.instance_path, class_table)
    if truth.classes.shape != (result.height, result.width):
        raise ValueError(
            f"{result.item.instance_path}: must have the size of its image, "
            f"{result.height}x{result.width}: {truth.classes.shape[0]}x{truth.classes.shape[1]}"
        )
    return coco_format.truth_annotations(image_id, truth, class_table.num_classes)
