"""Reads all outputs of a run for one image, and checks that they belong together."""

from typing import NamedTuple

import numpy as np

from affinity_seg.data import pictures
from affinity_seg.data.items import Item
from affinity_seg.evaluation import result_reading, results
from affinity_seg.evaluation.truth import Truth, read_truth
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline import merge_runs, records
from affinity_seg.pipeline.predictions import ImagePrediction


class Outputs(NamedTuple):
    """One image, its ground truth, and the outputs of a run for it.

    Attributes:
      image: uint8 RGB [H, W, 3], as `pictures.as_rgb`.
      truth: The ground truth, None if there is none.
      prediction: The networks' logits.
      instances: The result.
    """

    image: np.ndarray
    truth: Truth | None
    prediction: ImagePrediction
    instances: list[results.Prediction]


def read_prediction(item: Item, predictions_dir: str, class_table: ClassTable) -> ImagePrediction:
    """Reads the prediction record of an image.

    Raises:
      FileNotFoundError: There is no record.
      ValueError: The record is damaged, or not of this image and these classes.
    """
    path = records.record_path(predictions_dir, item.name)
    record = records.read_record(path)
    records.check_image(path, record, item.image_path, item.image_sha256())
    if record.class_table.class_names != class_table.class_names:
        raise ValueError(
            f"{path}: the classes must be those of class table {class_table.name!r}, "
            f"{class_table.class_names}: {record.class_table.class_names}"
        )
    return record.prediction


def read_outputs(
    item: Item, predictions_dir: str, results_dir: str, class_table: ClassTable
) -> Outputs:
    """Reads everything about an image.

    Raises:
      FileNotFoundError: The image, its record, its result or a mask is missing.
      ValueError: A file is damaged, or record, result, image and classes do not belong together.
    """
    image = pictures.read(item.image_path, turned=item.is_turned, choice=item.choice)
    prediction = read_prediction(item, predictions_dir, class_table)
    path = records.record_path(predictions_dir, item.name)
    merge_runs.check_result(results_dir, item.name, path)
    size = image.shape[:2]
    return Outputs(
        image=pictures.as_rgb(image),
        truth=read_truth(item, class_table, size) if item.has_truth else None,
        prediction=prediction,
        instances=result_reading.read_result(results_dir, item.name, class_table, size),
    )
