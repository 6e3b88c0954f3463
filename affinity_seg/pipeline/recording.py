"""One image into its prediction record, and whether it has one."""

import os
from typing import Any

import numpy as np
from absl import logging

from affinity_seg.data.listing import Item
from affinity_seg.pipeline import fingerprint as fingerprint_lib
from affinity_seg.pipeline import records
from affinity_seg.pipeline.errors import errors_named
from affinity_seg.pipeline.predicting import LogitsCache, Predictor


class Recorder:
    """Makes records with networks that are loaded."""

    def __init__(self, predictor: Predictor, fingerprint: dict[str, Any]):
        """Takes what every record needs.

        Args:
          predictor: Both networks.
          fingerprint: What makes the predictions, `fingerprint.prediction_fingerprint`.
        """
        self._predictor = predictor
        self._fingerprint = fingerprint

    def record(
        self,
        item: Item,
        image: np.ndarray,
        image_sha256: str,
        logits_cache: LogitsCache | None = None,
    ) -> records.Record:
        """Runs the networks on an image.

        Args:
          item: The image.
          image: Its pixels, uint8 RGB [H, W, 3].
          image_sha256: Hash of its file.
          logits_cache: As in `Predictor.predict`.

        Raises:
          ValueError: The networks cannot run on it; the message names its file.
        """
        with errors_named(item.image_path):
            prediction = self._predictor.predict(image, logits_cache)
        return records.Record(
            name=item.name,
            filename=item.filename,
            image_sha256=image_sha256,
            fingerprint=self._fingerprint,
            class_table=self._predictor.segmenter.class_table,
            prediction=prediction,
        )


def find_record(
    folder: str, item: Item, fingerprint: dict[str, Any], image_sha256: str | None = None
) -> records.Record | None:
    """Returns the record of an image, None where there is none or a damaged one.

    Args:
      folder: Folder of the records.
      item: The image.
      fingerprint: What makes the predictions.
      image_sha256: Hash of the image's file, if it is known.

    Raises:
      ValueError: The record was made by something else, or of another image.
    """
    path = records.record_path(folder, item.name)
    if not os.path.exists(path):
        return None
    try:
        record = records.read_record(path)
    except records.UnusableRecordError as error:
        logging.warning("%s. The image is predicted again.", error)
        return None
    difference = fingerprint_lib.first_difference(record.fingerprint, fingerprint)
    if difference:
        raise ValueError(f"{path}: belongs to another run: there {difference}")
    records.check_image(path, record, item.image_path, image_sha256)
    return record
