"""The two ways to segment: with the two networks, or with an exported model.

A run says what does it and where its outputs are.
"""

import dataclasses
import os
from typing import Any, Protocol

import tensorflow as tf

from affinity_seg import files, labels
from affinity_seg.beam.elements import Picture
from affinity_seg.configs import choices
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data.listing import Item
from affinity_seg.evaluation import results
from affinity_seg.instances import Instances
from affinity_seg.modeling import loading
from affinity_seg.pipeline import fingerprint as fingerprint_lib
from affinity_seg.pipeline import merge_runs, prediction_runs, records
from affinity_seg.pipeline.filters import KEEP_ALL, InstanceFilter
from affinity_seg.pipeline.predicting import Predictor
from affinity_seg.pipeline.recording import Recorder, find_record
from affinity_seg.serving import saved_model
from affinity_seg.serving.exported import ExportedModel

PREDICTIONS, RESULTS = "predictions", "results"
"""Folders of the outputs."""

DONE = "done"
"""What `Outputs.find` says of an image that needs nothing."""


class Model(Protocol):
    """Networks that are loaded."""

    def predict(self, picture: Picture) -> Any:
        """Returns what they say of an image; ValueError if they cannot run on it."""


class Outputs(Protocol):
    """What a run has written, and writes; one object for each thread of a worker."""

    def find(self, item: Item, image_sha256: str) -> Any:
        """Returns `DONE`, a result of the networks that is recorded, or None.

        Args:
          item: The image.
          image_sha256: Hash of its file.

        Raises:
          ValueError: There is something of another run or another image.
        """

    def write(self, result: Any, is_recorded: bool) -> None:
        """Makes instances of a result of the networks and writes all that is not there yet.

        Raises:
          ValueError: It holds what cannot be merged; no result has been written then.
        """


class Run(Protocol):
    """Goes to every worker.

    Attributes:
      output_dir: Folder of the outputs, at the same path for every worker.
    """

    output_dir: str

    def load(self) -> Model:
        """Loads the op and the networks."""

    def outputs(self) -> Outputs:
        """Checks the folders of the outputs.

        Raises:
          ValueError: They hold outputs of another run; the message names the field.
        """

    def class_table(self) -> labels.ClassTable:
        """Returns the classes without loading the networks."""


@dataclasses.dataclass(frozen=True)
class NetworksRun:
    """Gives what tools/predict.py and tools/merge.py give, byte for byte.

    Attributes:
      output_dir: As of `Run`.
      config: The configuration of inference.
      semantic_dir: Folder of the trained semantic network.
      affinity_dir: Folder of the trained affinity network.
      instance_filter: What is written.
    """

    output_dir: str
    config: InferenceConfig
    semantic_dir: str
    affinity_dir: str
    instance_filter: InstanceFilter = KEEP_ALL

    def load(self) -> Model:
        """See `Run`."""
        segmenter = prediction_runs.load_segmenter(
            self.config, self.semantic_dir, self.affinity_dir
        )
        return _Networks(Recorder(Predictor(segmenter), self.fingerprint()))

    def outputs(self) -> Outputs:
        """See `Run`."""
        return _RecordsAndResults(self)

    def class_table(self) -> labels.ClassTable:
        """See `Run`."""
        return loading.read_class_table(self.semantic_dir)

    def fingerprint(self) -> dict[str, Any]:
        """Returns what makes the predictions."""
        return fingerprint_lib.prediction_fingerprint(
            self.config, self.semantic_dir, self.affinity_dir
        )


class _Networks:
    def __init__(self, recorder: Recorder):
        self._recorder = recorder

    def predict(self, picture: Picture) -> records.Record:
        return self._recorder.record(picture.source.item, picture.pixels, picture.sha256)


class _RecordsAndResults:
    def __init__(self, run: NetworksRun):
        self._folder = os.path.join(run.output_dir, PREDICTIONS)
        self._fingerprint = run.fingerprint()
        fingerprint_lib.check_folder(self._folder, self._fingerprint)
        files.remove_leftovers(self._folder)
        self._merger = merge_runs.RecordMerger(
            self._fingerprint,
            run.config,
            choices.MERGE_METHODS[0],
            os.path.join(run.output_dir, RESULTS),
            run.instance_filter,
        )
        self._is_claimed = False

    def find(self, item: Item, image_sha256: str) -> records.Record | str | None:
        record = find_record(self._folder, item, self._fingerprint, image_sha256)
        if record is not None and self._merger.is_done(
            item.name, files.sha256(records.record_path(self._folder, item.name))
        ):
            return DONE
        return record

    def write(self, result: records.Record, is_recorded: bool) -> None:
        path = records.record_path(self._folder, result.name)
        if not is_recorded:
            if not self._is_claimed:
                fingerprint_lib.claim_folder(self._folder, self._fingerprint)
                self._is_claimed = True
            records.write_record(path, result)
        self._merger.merge(path, result, files.sha256(path))


@dataclasses.dataclass(frozen=True)
class ExportedRun:
    """Segments with a model that tools/export_saved_model.py wrote.

    Attributes:
      output_dir: As of `Run`.
      model_dir: Folder of the model or of its versions; the newest one is taken.
    """

    output_dir: str
    model_dir: str

    def load(self) -> Model:
        """See `Run`."""
        return _Exported(ExportedModel(self.folder))

    def outputs(self) -> Outputs:
        """See `Run`."""
        return _Results(self)

    def class_table(self) -> labels.ClassTable:
        """See `Run`."""
        return saved_model.read_class_table(self.folder)

    @property
    def folder(self) -> str:
        """Folder of the SavedModel."""
        return saved_model.newest_version(self.model_dir)


class _Exported:
    def __init__(self, model: ExportedModel):
        self._model = model

    def predict(self, picture: Picture) -> tuple[str, str, Instances]:
        try:
            answer = self._model.segment(picture.pixels)
        except tf.errors.OpError as error:
            raise ValueError(f"{picture.source.item.image_path}: {error.message}") from error
        return picture.source.item.name, picture.sha256, answer


class _Results:
    """The hash that a result is made from is the image's: there are no records."""

    def __init__(self, run: ExportedRun):
        self._folder = os.path.join(run.output_dir, RESULTS)
        self._fingerprint = saved_model.identity(run.folder)
        self._class_table = run.class_table()
        fingerprint_lib.check_folder(self._folder, self._fingerprint)
        results.remove_leftovers(self._folder)
        self._is_claimed = False

    def find(self, item: Item, image_sha256: str) -> str | None:
        if not results.is_done(self._folder, item.name):
            return None
        return DONE if results.read_source(self._folder, item.name) == image_sha256 else None

    def write(self, result: tuple[str, str, Instances], is_recorded: bool) -> None:
        del is_recorded  # It never is.
        name, image_sha256, answer = result
        if not self._is_claimed:
            fingerprint_lib.claim_folder(self._folder, self._fingerprint)
            self._is_claimed = True
        results.write_result(self._folder, name, answer, self._class_table, image_sha256)
