"""COCO average precision of result files, for any class table, by pycocotools."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from affinity_seg.data.items import Item
from affinity_seg.evaluation import coco_format
from affinity_seg.evaluation.reading import read_judged
from affinity_seg.evaluation.results import Prediction
from affinity_seg.evaluation.truth import Truth
from affinity_seg.labels import ClassTable

MAX_DETECTIONS = 1000
"""Largest number of counted predictions per image and class; COCO's 100 are too few for microscopy.
"""

CURVES = ("at_iou_50", "over_ious")
"""Precision-recall curves: at IoU 0.50, and the mean over the IoU thresholds."""

_AREAS = ("all", "small", "medium", "large")  # order of COCOeval.params.areaRng


def evaluate(items: Sequence[Item], results_dir: str, class_table: ClassTable) -> dict[str, Any]:
    """Evaluates a folder of results by COCO's definition of AP.

    Void pixels and, for their class, group regions are crowd regions: a prediction
    whose share inside one reaches the IoU threshold is not counted.

    Args:
      items: The images of a split, all of which must have a result.
      results_dir: Folder of the results.
      class_table: The classes.

    Returns:
      `ap` (mean over IoU 0.50, 0.55, .. 0.95), `ap50`, `ap75`, and AP by size (true area up to
      32x32 pixels, up to 96x96, above), and the same for each name in `classes`:
      fractions, or None where there is no true instance. `precision_recall` has the curves:
      `recall`, 0.00, 0.01, .. 1.00, and the precision there `at_iou_50` and as the mean
      `over_ious`, each a list for every class with true instances and, if any, for "average".

    Raises:
      FileNotFoundError: Images without result (all are listed), a missing mask or truth.
      ValueError: A result breaks the format.
    """
    judged = read_judged(items, results_dir, class_table)
    described = {
        item.name: match(target, predictions, class_table) for item, target, predictions in judged
    }
    return scores_of(described, class_table)


def match_image(
    item: Item, results_dir: str, class_table: ClassTable
) -> coco_format.DescribedImage:
    """Reads truth and result of one image.

    Returns:
      What `scores_of` needs of the image.

    Raises:
      FileNotFoundError: The image has no result or truth, or a mask is missing.
      ValueError: The result breaks the format.
    """
    ((_, target, predictions),) = read_judged([item], results_dir, class_table)
    return match(target, predictions, class_table)


def match(
    target: Truth, predictions: Sequence[Prediction], class_table: ClassTable
) -> coco_format.DescribedImage:
    """Returns truth and predictions of an image in COCO's format, which `scores_of` needs."""
    height, width = target.classes.shape
    return coco_format.DescribedImage(
        {"height": height, "width": width},
        coco_format.truth_annotations(target, class_table.num_classes),
        coco_format.prediction_annotations(predictions),
    )


def scores_of(
    judged: Mapping[str, coco_format.DescribedImage], class_table: ClassTable
) -> dict[str, Any]:
    """Returns what `evaluate` does, from what `match_image` returned of each image by name."""
    images, true, predicted = coco_format.numbered_images(judged.values())
    precision = _precision(images, class_table.class_names, true, predicted)
    return {
        "judge": "coco",
        "num_images": len(images),
        **_scores(precision),
        "classes": {
            name: _scores(precision[:, :, i : i + 1])
            for i, name in enumerate(class_table.class_names[1:])
        },
        "precision_recall": _curves(precision[..., 0], class_table.class_names[1:]),
    }


def label_map_ap(true: np.ndarray, predicted: np.ndarray) -> float | None:
    """Returns the AP of one partition of an image, with all instances of one class.

    There are no scores, so instances are ranked by size, the largest first.

    Args:
      true: int [H, W], 0 is background.
      predicted: The same.
    """
    size = {"height": true.shape[0], "width": true.shape[1]}
    annotations = ([], [])
    for labels, target in zip((true, predicted), annotations, strict=True):
        for index in np.unique(labels[labels != 0]):
            mask = labels == index
            score = int(np.count_nonzero(mask))
            target.append(coco_format.annotation(1, mask, score=score, iscrowd=0))
    numbered = coco_format.numbered_images([coco_format.DescribedImage(size, *annotations)])
    return _mean(_precision(numbered[0], ("background", "instance"), *numbered[1:])[..., 0])


def _precision(images: list, class_names: Sequence[str], true: list, predicted: list) -> np.ndarray:
    """Returns the precision [IoU thresholds, recalls, classes, areas], -1 without truth."""
    categories = coco_format.categories(class_names)
    with contextlib.redirect_stdout(io.StringIO()):
        judge = COCOeval(
            _dataset(images, categories, true), _dataset(images, categories, predicted), "segm"
        )
        judge.params.maxDets = [MAX_DETECTIONS]
        judge.evaluate()
        judge.accumulate()
    return judge.eval["precision"][..., 0]


def _scores(precision: np.ndarray) -> dict[str, float | None]:
    """Returns the means over precision [IoU thresholds, recalls, classes, areas]."""
    return {
        "ap": _mean(precision[..., 0]),
        "ap50": _mean(precision[0, ..., 0]),
        "ap75": _mean(precision[5, ..., 0]),
        **{f"ap_{area}": _mean(precision[..., i]) for i, area in enumerate(_AREAS) if i},
    }


def _curves(precision: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Returns the curves of precision [IoU thresholds, recalls, classes]."""
    # A class without a true instance is -1 throughout.
    known = [i for i in range(len(names)) if precision[0, 0, i] > -1]

    def curves(values: np.ndarray) -> dict[str, list[float]]:
        found = {names[i]: values[:, i].tolist() for i in known}
        return {**found, "average": values[:, known].mean(axis=1).tolist()} if known else {}

    return {
        "recall": np.linspace(0, 1, precision.shape[1]).round(2).tolist(),
        **{
            kind: curves(values)
            for kind, values in zip(CURVES, (precision[0], precision.mean(axis=0)), strict=True)
        },
    }


def _mean(precision: np.ndarray) -> float | None:
    """Returns the mean of the entries that are defined, None if there is none."""
    defined = precision[precision > -1]
    return float(defined.mean()) if defined.size else None


def _dataset(images: list, categories: list, annotations: list) -> COCO:
    """Returns an indexed COCO data set in memory."""
    dataset = COCO()
    dataset.dataset = {
        "images": images,
        "categories": categories,
        "annotations": coco_format.numbered(annotations),
    }
    dataset.createIndex()
    return dataset
