"""Ground truth and predictions in COCO's format, for the metric and for other programs.

A data set is {images, categories, annotations}. A `category_id` is the class index; ids of images
and annotations count from 1 (pycocotools takes 0 for "no match").
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as coco_mask

from affinity_seg.evaluation.results import Prediction
from affinity_seg.evaluation.truth import Truth
from affinity_seg.labels import VOID_CLASS


def run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """Returns a mask, bool [H, W], as COCO run lengths that fit into JSON.

    Returns:
      `size` [H, W] and `counts`, compressed run lengths in ASCII.
    """
    rle = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": list(rle["size"]), "counts": rle["counts"].decode("ascii")}


def cropped_run_lengths(
    mask: np.ndarray, box: Sequence[int], size: tuple[int, int]
) -> dict[str, Any]:
    """Returns what `run_lengths` returns for a mask that is given in its box only.

    Args:
      mask: bool [h, w], not empty.
      box: (y0, x0, y1, x1), ends exclusive, pixels of the image.
      size: Height and width of the image.
    """
    height, width = size
    columns, rows = np.nonzero(mask.T)
    places = (columns.astype(np.int64) + box[1]) * height + rows + box[0]
    last = np.flatnonzero(np.append(np.diff(places) > 1, True))
    first = np.append(0, last[:-1] + 1)
    # Where the mask begins and ends, in turn; counts are the distances.
    borders = np.column_stack([places[first], places[last] + 1]).ravel()
    borders = borders if borders[-1] == height * width else np.append(borders, height * width)
    counts = {"size": [height, width], "counts": np.diff(borders, prepend=0).tolist()}
    encoded = coco_mask.frPyObjects(counts, height, width)
    return {"size": [height, width], "counts": encoded["counts"].decode("ascii")}


class DescribedImage(NamedTuple):
    """An image of a data set before its id is known.

    Attributes:
      image: Its fields in `images`, without `id`.
      true: Its true annotations, without ids.
      predicted: Its predictions, without `image_id`.
    """

    image: dict[str, Any]
    true: list[dict[str, Any]]
    predicted: list[dict[str, Any]]


def numbered_images(
    described: Iterable[DescribedImage],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Returns images, true annotations and predictions of a data set; images count from 1."""
    images, true, predicted = [], [], []
    for image_id, one in enumerate(described, start=1):
        images.append({"id": image_id, **one.image})
        true += [{"image_id": image_id, **fields} for fields in one.true]
        predicted += [{"image_id": image_id, **fields} for fields in one.predicted]
    return images, true, predicted


def annotation(class_index: int, mask: np.ndarray, **fields: float) -> dict[str, Any]:
    """Returns COCO's annotation of a mask, bool [H, W], without ids.

    Args:
      class_index: Its class index.
      mask: Not empty.
      **fields: Further fields.
    """
    return {
        "category_id": int(class_index),
        "segmentation": run_lengths(mask),
        "area": int(np.count_nonzero(mask)),
        **fields,
    }


def truth_annotations(truth: Truth, num_classes: int) -> list[dict[str, Any]]:
    """Returns the annotations of the true instances, and of void and group regions as crowd.

    Void pixels and the group regions of a class are one crowd region of that class: a prediction
    whose share inside reaches the IoU threshold is not counted.

    Args:
      truth: The truth of an image.
      num_classes: K, with the background.
    """
    masks = [
        (class_index, truth.instance_ids == index, 0)
        for index, class_index in enumerate(truth.instance_classes, start=1)
    ]
    for class_index in range(1, num_classes):
        void_or_group = (truth.classes == VOID_CLASS) | (truth.classes == class_index)
        crowd = truth.ignored & void_or_group
        if crowd.any():
            masks.append((class_index, crowd, 1))
    found = [annotation(class_index, mask, iscrowd=iscrowd) for class_index, mask, iscrowd in masks]
    return [{**a, "bbox": coco_mask.toBbox(a["segmentation"]).tolist()} for a in found]


def prediction_annotations(predictions: Iterable[Prediction]) -> list[dict[str, Any]]:
    """Returns predictions in COCO's results format.

    Without `bbox`: pycocotools makes it from the mask, but where it is given takes the area of
    the box for that of the mask, and AP by size would be another.
    """
    return [
        annotation(prediction.class_index, prediction.mask, score=prediction.score)
        for prediction in predictions
    ]


def categories(class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the categories of class names, background first."""
    return [{"id": i, "name": name} for i, name in enumerate(class_names) if i]


def numbered(annotations: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns annotations with the ids that a data set needs."""
    return [{"id": i, **fields} for i, fields in enumerate(annotations, start=1)]
