"""What a pipeline is to do, and the networks in Beam's RunInference."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from apache_beam.ml.inference.base import ModelHandler

from affinity_seg import labels
from affinity_seg.beam import steps
from affinity_seg.beam.elements import Image, Predicted
from affinity_seg.beam.running import COUNTERS, ends_pipeline
from affinity_seg.configs import choices
from affinity_seg.configs.choices import PREDICTIONS, RESULTS
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import plane_choice
from affinity_seg.data.plane_choice import PlaneChoice
from affinity_seg.modeling import network_folder
from affinity_seg.pipeline import merge_runs, prediction_runs
from affinity_seg.pipeline.errors import errors_named
from affinity_seg.pipeline.filters import KEEP_ALL, InstanceFilter
from affinity_seg.pipeline.fingerprint import prediction_fingerprint
from affinity_seg.pipeline.finishing import Finishing
from affinity_seg.pipeline.folders import RecordFolder, ResultFolder, Segmented
from affinity_seg.pipeline.predicting import Predictor
from affinity_seg.pipeline.recording import Recorder
from affinity_seg.pipeline.records import Record
from affinity_seg.rejected_inputs import RejectedInput, RejectedInputs
from affinity_seg.serving import saved_model
from affinity_seg.serving.exported import ExportedModel


@dataclasses.dataclass(frozen=True)
class Segmentation:
    """All settings of a pipeline, which go to every worker.

    The two networks give what `affinity_seg segment` gives without Beam, byte for byte.

    Attributes:
      input: Folder of the data set, or a pattern, see `sources.list_sources`.
      output_dir: Folder of the outputs, at the same path for every worker.
      layout: One of `layouts.SOURCE_LAYOUTS`.
      split: Part of the data set, for layout `cityscapes`.
      choice: Page and channels of each image's file.
      network_dirs: Folders of the semantic and of the affinity network.
      config: Their preset.
      instance_filter: Which instances are written; an exported model has its own.
      exported_dir: Instead of networks and preset: folder of a model that
        `affinity_seg export` wrote, or of its versions, of which the newest is taken.
      evaluate: Whether the truth is read for AP.
      coco: Whether COCO files are written.
      strict: Whether the first input that cannot be used ends the pipeline.
      threads: TensorFlow's threads in each process; 0: as many as cores.
    """

    input: str
    output_dir: str
    layout: str = "cityscapes"
    split: str = "val"
    choice: PlaneChoice = plane_choice.ALL
    network_dirs: tuple[str, str] | None = None
    config: InferenceConfig | None = None
    instance_filter: InstanceFilter = KEEP_ALL
    exported_dir: str | None = None
    evaluate: bool = False
    coco: bool = False
    strict: bool = False
    threads: int = 0

    @property
    def results_dir(self) -> str:
        """Folder of the results."""
        return os.path.join(self.output_dir, RESULTS)

    def load(self) -> Recorder | ExportedModel:
        """Loads the op and the networks or the exported model."""
        if self.exported_dir is not None:
            return ExportedModel(saved_model.newest_version(self.exported_dir))
        segmenter = prediction_runs.load_segmenter(self.config, *self.network_dirs)
        fingerprint = prediction_fingerprint(self.config, *self.network_dirs)
        return Recorder(Predictor(segmenter), fingerprint)

    def folders(self, rejected: RejectedInputs | None = None) -> Finishing:
        """Opens the folders of the outputs.

        Args:
          rejected: Lists the records that cannot be merged; without it, they are raised.

        Raises:
          ValueError: They hold outputs of another run; the message names the field.
        """
        if self.exported_dir is not None:
            identity = saved_model.identity(saved_model.newest_version(self.exported_dir))
            return Finishing(None, ResultFolder(self.results_dir, identity))
        fingerprint = prediction_fingerprint(self.config, *self.network_dirs)
        recorded = RecordFolder(os.path.join(self.output_dir, PREDICTIONS), fingerprint)
        merger = merge_runs.RecordMerger(
            fingerprint,
            self.config,
            choices.MERGE_METHODS[0],
            self.results_dir,
            self.instance_filter,
            rejected,
        )
        return Finishing(recorded, merger)

    def class_table(self) -> labels.ClassTable:
        """Returns the classes without loading the networks."""
        if self.exported_dir is not None:
            return saved_model.read_class_table(saved_model.newest_version(self.exported_dir))
        return network_folder.read_class_table(self.network_dirs[0])


class SegmentationHandler(ModelHandler[Image | Predicted, Predicted | RejectedInput, Any]):
    """Runs the networks or the exported model; both are loaded once in each process.

    Images differ in size and take a second and more each, so that a batch has one. Beam's own
    handlers of TensorFlow take Keras 3 and cannot load what this project writes.
    """

    def __init__(self, wanted: Segmentation):
        """Initializes the fields that are sent to the workers."""
        super().__init__(min_batch_size=1, max_batch_size=1)
        self._wanted = wanted

    @ends_pipeline()
    def load_model(self) -> Recorder | ExportedModel:
        """Loads the op and the networks."""
        steps.use_threads(self._wanted.threads)
        return self._wanted.load()

    @ends_pipeline()
    def run_inference(
        self,
        batch: Sequence[Image | Predicted],
        model: Recorder | ExportedModel,
        inference_args: dict[str, Any] | None = None,
    ) -> list[Predicted | RejectedInput]:
        """Returns what the networks say of images, or why they cannot run on one.

        Args:
          batch: The images; those for which they have run before are handed on.
          model: What `load_model` gave.
          inference_args: Not used.
        """
        del inference_args
        rejected = RejectedInputs(strict=self._wanted.strict)
        outputs: list[Predicted | RejectedInput] = []
        for image in batch:
            if isinstance(image, Predicted):
                outputs.append(image)
                continue
            with rejected.listed(image.item.name, image.item.image_path):
                made = self._made(image, model)
                outputs.append(Predicted(image._replace(content=b""), made))
        return outputs + rejected.take()

    def _made(self, image: Image, model: Recorder | ExportedModel) -> Record | Segmented:
        """Returns the record of an image or, of an exported model, its instances."""
        if self._wanted.exported_dir is None:
            return model.record(image.item, image.decode(), image.sha256)
        with errors_named(image.item.image_path):
            return Segmented(image.item.name, image.sha256, model.segment(image.decode()))

    def get_num_bytes(self, batch: Sequence[Image | Predicted]) -> int:
        """Returns the size of the images' files, for Beam's metrics."""
        return sum(len(image.content) for image in batch if isinstance(image, Image))

    def get_metrics_namespace(self) -> str:
        """Returns the name that RunInference's metrics have."""
        return COUNTERS
