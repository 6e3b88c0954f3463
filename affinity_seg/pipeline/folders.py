"""The folders of a run's outputs: which images are done, and how an output is written."""

import os
from typing import Any, NamedTuple

from absl import logging

from affinity_seg import files, structured
from affinity_seg.configs.choices import PREDICTIONS
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data.items import Item
from affinity_seg.evaluation import result_writing
from affinity_seg.evaluation import results as results_lib
from affinity_seg.instances import Instances
from affinity_seg.labels import ClassTable
from affinity_seg.ops import Candidates
from affinity_seg.pipeline import fingerprint as fingerprint_lib
from affinity_seg.pipeline import records


def records_dir(output_dir: str, config: InferenceConfig, network_dirs: tuple[str, str]) -> str:
    """Returns the folder of the records of a configuration, for runs that have several.

    Args:
      output_dir: Folder of the run.
      config: The configuration that the records are made with.
      network_dirs: Folders of the semantic and of the affinity network.
    """
    fingerprint = fingerprint_lib.prediction_fingerprint(config, *network_dirs)
    return os.path.join(output_dir, PREDICTIONS, structured.digest(fingerprint)[:12])


class OutputFolder:
    """A folder of outputs that were all made with one fingerprint.

    Attributes:
      path: The folder, made when the first output is written.
      fingerprint: The settings and networks that make the outputs.
      count: How many outputs this object has written.
    """

    def __init__(self, path: str, fingerprint: dict[str, Any]):
        """Checks that the folder belongs to this run.

        Raises:
          ValueError: It holds outputs of another run; the message names the field that differs.
        """
        fingerprint_lib.check_folder(path, fingerprint)
        self.path = path
        self.fingerprint = fingerprint
        self.count = 0

    def _claim(self) -> None:
        """Writes the fingerprint into the folder; call it before each output is written."""
        if self.count == 0:
            fingerprint_lib.claim_folder(self.path, self.fingerprint)


class RecordFolder(OutputFolder):
    """A folder of prediction records."""

    def __init__(self, path: str, fingerprint: dict[str, Any]):
        """As `OutputFolder`; removes temporary files of killed runs."""
        super().__init__(path, fingerprint)
        files.remove_leftovers(path)

    def path_of(self, name: str) -> str:
        """Returns the file of an image's record."""
        return records.record_path(self.path, name)

    def find(self, item: Item, image_sha256: str) -> records.Record | None:
        """Returns the record of an image; None if it has none or it is damaged.

        Args:
          item: The image.
          image_sha256: Hash of its file.

        Raises:
          ValueError: The record was made with other settings or from another image.
        """
        path = self.path_of(item.name)
        if not os.path.exists(path):
            return None
        try:
            record = records.read_record(path)
        except records.UnusableRecordError as error:
            logging.warning("%s. The image is predicted again.", error)
            return None
        difference = fingerprint_lib.first_difference(record.fingerprint, self.fingerprint)
        if difference:
            raise ValueError(f"{path}: belongs to another run: there {difference}")
        records.check_image(path, record, item.image_path, image_sha256)
        return record

    def write(self, record: records.Record) -> None:
        """Writes a record."""
        self._claim()
        records.write_record(self.path_of(record.name), record)
        self.count += 1


class ResultFolder(OutputFolder):
    """A folder of results."""

    def __init__(self, path: str, fingerprint: dict[str, Any]):
        """As `OutputFolder`; removes temporary files of killed runs."""
        super().__init__(path, fingerprint)
        results_lib.remove_leftovers(path)

    def is_done(self, name: str, source: str) -> bool:
        """Returns whether an image has a result that was made from a file with the hash `source`.

        The file is the image's prediction record or, for an exported model, the image itself.
        """
        done = results_lib.is_done(self.path, name)
        return done and results_lib.read_source(self.path, name) == source

    def write(
        self,
        name: str,
        instances: Instances,
        class_table: ClassTable,
        source: str,
        candidates: Candidates | None = None,
    ) -> None:
        """Writes a result, with the arguments and errors of `result_writing.write_result`."""
        self._claim()
        result_writing.write_result(self.path, name, instances, class_table, source, candidates)
        self.count += 1


class Segmented(NamedTuple):
    """The instances of an image from an exported model, which makes no prediction record.

    Attributes:
      name: Key of the image.
      image_sha256: Hash of its file.
      instances: The instances, with their class table.
    """

    name: str
    image_sha256: str
    instances: Instances
