"""Makes the prediction record of one image."""

from typing import Any

import numpy as np

from affinity_seg.data.items import Item
from affinity_seg.pipeline import records
from affinity_seg.pipeline.errors import errors_named
from affinity_seg.pipeline.predicting import LogitsCache, Predictor


class Recorder:
    """Makes prediction records with loaded networks."""

    def __init__(self, predictor: Predictor, fingerprint: dict[str, Any]):
        """Initializes the recorder.

        Args:
          predictor: Both networks.
          fingerprint: Fingerprint of the predictions, `fingerprint.prediction_fingerprint`.
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
          image: Its pixels, uint8 [H, W, C], with the channels of the networks.
          image_sha256: See `Item.image_sha256`.
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
