"""Writes a data set and its results as COCO's two JSON files."""

from collections.abc import Iterable, Sequence
from typing import Any

from affinity_seg import files
from affinity_seg.data.items import Item
from affinity_seg.evaluation import coco_format
from affinity_seg.evaluation.truth import read_truth
from affinity_seg.export.reading import ImageResult, read_results
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline.filters import KEEP_ALL, InstanceFilter


def write_coco(
    items: Sequence[Item],
    results_dir: str,
    class_table: ClassTable,
    dataset_path: str,
    results_path: str,
    instance_filter: InstanceFilter = KEEP_ALL,
) -> int:
    """Writes the data set, then the results.

    The data set has annotations if every image has ground truth, and none if no image has. An
    `image_id` is the position of the image in `items`, from 1; a `category_id` is the class index.

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
      FileNotFoundError: Images have no result, or only some images have ground truth; the message
        lists all.
      ValueError: A result breaks the format, or truth and image differ in size.
    """
    with_truth = have_truth(items)
    results = read_results(items, results_dir, class_table, instance_filter)
    described = [describe_image(result, class_table, with_truth) for result in results]
    return write_described(described, class_table, dataset_path, results_path)


def describe_image(
    result: ImageResult, class_table: ClassTable, with_truth: bool
) -> coco_format.DescribedImage:
    """Returns an image, its ground truth and its result in COCO's format.

    Args:
      result: The image and its result.
      class_table: The classes.
      with_truth: Whether the truth is read.

    Raises:
      FileNotFoundError: The truth is missing.
      ValueError: Truth and image differ in size.
    """
    return coco_format.DescribedImage(
        {"file_name": result.item.filename, "height": result.height, "width": result.width},
        _annotations(result, class_table) if with_truth else [],
        coco_format.prediction_annotations(result.predictions),
    )


def write_described(
    described: Iterable[coco_format.DescribedImage],
    class_table: ClassTable,
    dataset_path: str,
    results_path: str,
) -> int:
    """Writes images, sorted by name, as `write_coco` does; returns the number of predictions."""
    images, true, predicted = coco_format.numbered_images(described)
    content = data_set(images, true, class_table.name, class_table.class_names)
    files.write_json(dataset_path, content)
    files.write_json(results_path, predicted)
    return len(predicted)


def data_set(
    images: Sequence[dict[str, Any]],
    annotations: Sequence[dict[str, Any]],
    name: str,
    class_names: Sequence[str],
) -> dict[str, Any]:
    """Returns the content of COCO's file for a data set.

    Args:
      images: With their ids.
      annotations: Without ids.
      name: Name of the class table.
      class_names: Its classes, background first.
    """
    return {
        "info": {"description": f"{len(images)} images, class table {name!r}"},
        "images": images,
        "categories": coco_format.categories(class_names),
        "annotations": coco_format.numbered(annotations),
    }


def have_truth(items: Sequence[Item]) -> bool:
    """Returns whether the images have truth; FileNotFoundError if only some of them have."""
    missing = [item.truth_path or item.image_path for item in items if not item.has_truth]
    if missing and len(missing) < len(items):
        raise FileNotFoundError(
            f"all images must have truth, or none: that of {len(missing)} of {len(items)} images "
            "is missing:\n  " + "\n  ".join(missing)
        )
    return not missing


def _annotations(result: ImageResult, class_table: ClassTable) -> list[dict[str, Any]]:
    """Returns the true annotations of an image."""
    size = result.height, result.width
    truth = read_truth(result.item, class_table, size)
    return coco_format.truth_annotations(truth, class_table.num_classes)
