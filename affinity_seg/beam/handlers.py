"""The networks in Beam's RunInference."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from apache_beam.ml.inference.base import ModelHandler

from affinity_seg.beam.elements import Done, Letter, LetterBox, Picture, Predicted
from affinity_seg.beam.runs import Model, Run


class SegmentationHandler(ModelHandler[Picture | Predicted, Predicted | Letter, Model]):
    """Runs the networks of a `Run`, either kind; loads them and the op once in each process.

    Images differ in size and take a second and more each, so that a batch has one. Beam's own
    handlers of TensorFlow take Keras 3 and cannot load what this project writes.
    """

    def __init__(self, run: Run, strict: bool = False, threads: int = 0, **kwargs: Any):
        """Takes what goes to the workers.

        Args:
          run: What loads the networks.
          strict: Whether an image that the networks cannot run on ends the pipeline.
          threads: TensorFlow's threads in each process; 0: as many as cores.
          **kwargs: Of `ModelHandler`.
        """
        super().__init__(min_batch_size=1, max_batch_size=1, **kwargs)
        self._run = run
        self._strict = strict
        self._threads = threads

    def load_model(self) -> Model:
        """Loads the op and the networks."""
        if self._threads:
            tf.config.threading.set_intra_op_parallelism_threads(self._threads)
        return self._run.load()

    def run_inference(
        self,
        batch: Sequence[Picture | Predicted],
        model: Model,
        inference_args: dict[str, Any] | None = None,
    ) -> list[Predicted | Letter]:
        """Returns what the networks say of images, or why they cannot run on one.

        Args:
          batch: The images; those for which they have run before are handed on.
          model: What `load_model` gave.
          inference_args: There are none.
        """
        del inference_args
        box = LetterBox(self._strict)
        predicted: list[Predicted | Letter] = []
        for picture in batch:
            if isinstance(picture, Predicted):
                predicted.append(picture)
                continue
            item = picture.source.item
            with box.listed(item.name, item.image_path):
                result = model.predict(picture)
                predicted.append(Predicted(Done(picture.source, *picture.pixels.shape[:2]), result))
        return predicted + box.take()

    def get_num_bytes(self, batch: Sequence[Picture | Predicted]) -> int:
        """Returns the size of the images' pixels, for Beam's metrics."""
        return sum(picture.pixels.nbytes for picture in batch if isinstance(picture, Picture))

    def get_metrics_namespace(self) -> str:
        """Returns the name that RunInference's metrics have."""
        return "affinity_seg"
