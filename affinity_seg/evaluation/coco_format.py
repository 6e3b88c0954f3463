"""Ground truth and predictions in COCO's format, for the metric and for other programs.

A data set is {images, categories, annotations}. A `category_id` is the class index; ids of images
and annotations count from 1 (pycocotools takes 0 for "no match").
"""

import itertools
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


def instance_run_lengths(instance_ids: np.ndarray, count: int) -> list[dict[str, Any]]:
    """Returns what `run_lengths` returns for each instance, in one pass over the image.

    Args:
      instance_ids: int32 [H, W], 0 on background, 1..`count`; every id has a pixel.
      count: Number of instances.
    """
    height, width = instance_ids.shape
    flat = instance_ids.ravel(order="F")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    ends = np.append(starts[1:], flat.size)
    ids = flat[starts]
    by_id = np.argsort(ids, kind="stable")
    firsts = np.searchsorted(ids[by_id], np.arange(1, count + 2))
    found = []
    for first, last in itertools.pairwise(firsts):
        runs = by_id[first:last]
        # Where the mask begins and ends, in turn; counts are the distances.
        borders = np.column_stack([starts[runs], ends[runs]]).ravel()
        borders = borders if borders[-1] == flat.size else np.append(borders, flat.size)
        counts = {"size": [height, width], "counts": np.diff(borders, prepend=0).tolist()}
        encoded = coco_mask.frPyObjects(counts, height, width)
        found.append({"size": [height, width], "counts": encoded["counts"].decode("ascii")})
    return found


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
