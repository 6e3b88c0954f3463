"""Merges a folder of prediction records into results; can be stopped and started again."""

import dataclasses
import os
from typing import Any

from tqdm import tqdm

from affinity_seg import files, structured
from affinity_seg.configs.choices import MERGE_METHODS
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.evaluation import results as results_lib
from affinity_seg.instances import Instances
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline import fingerprint as fingerprint_lib
from affinity_seg.pipeline import records
from affinity_seg.pipeline.errors import errors_named
from affinity_seg.pipeline.filters import KEEP_ALL, InstanceFilter
from affinity_seg.pipeline.folders import ResultFolder
from affinity_seg.pipeline.merging import class_candidates, merge_components, merger_of
from affinity_seg.rejected_inputs import RejectedInputs


def merge_records(
    predictions_dir: str,
    config: InferenceConfig,
    method: str,
    results_dir: str,
    instance_filter: InstanceFilter = KEEP_ALL,
    rejected: RejectedInputs | None = None,
    class_table: ClassTable | None = None,
) -> int:
    """Writes the result of every prediction record that has none, or has changed since its merge.

    Args:
      predictions_dir: Folder of the records.
      config: The configuration; the records must fit it, see `fingerprint.record_fields`.
      method: One of `configs.choices.MERGE_METHODS`.
      results_dir: Folder of the results, made if needed.
      instance_filter: What is written.
      rejected: Lists the records that cannot be merged; without it, the first of them is raised.
      class_table: As of `RecordMerger`.

    Returns:
      The number of images that were merged now.

    Raises:
      FileNotFoundError: There are no records.
      ValueError: Records and configuration do not belong together, the filter does not fit, or
        the folder holds results of another run; the message names the field.
    """
    rejected = RejectedInputs(strict=True) if rejected is None else rejected
    names = records.list_records(predictions_dir)
    fingerprint = _find_fingerprint(predictions_dir, names, rejected)
    if fingerprint is None:
        return 0
    _check_fields(predictions_dir, fingerprint, config)
    merger = RecordMerger(
        fingerprint, config, method, results_dir, instance_filter, rejected, class_table
    )
    for name in tqdm(names, desc="merge", unit="image", disable=None):
        path = records.record_path(predictions_dir, name)
        with rejected.listed(name, path):
            source = files.sha256(path)
            if merger.is_done(name, source):
                continue
            record = records.read_record(path)
            # Outside the `with` block, because an error of writing is not caused by the record.
        if name not in rejected:
            merger.merge(path, record, source)
    return merger.count


def result_fingerprint(
    predictions: dict[str, Any],
    config: InferenceConfig,
    method: str,
    instance_filter: InstanceFilter,
) -> dict[str, Any]:
    """Returns all that determines the results: predictions, and the settings of their merge.

    Args:
      predictions: As `fingerprint.prediction_fingerprint` returns it.
      config: The configuration.
      method: One of `configs.choices.MERGE_METHODS`.
      instance_filter: What is written.
    """
    # Only the graph merge depends on the fields of the graph.
    names = vars(config) if method == MERGE_METHODS[0] else ("min_pixels", "semantic_flip")
    settings = {name: getattr(config, name) for name in names}
    instance_filter = instance_filter.at_least(config.min_score)
    return structured.plain(
        {"method": method, **predictions, **settings, **instance_filter._asdict()}
    )


class RecordMerger(ResultFolder):
    """Merges prediction records and writes the results into a folder."""

    def __init__(
        self,
        fingerprint: dict[str, Any],
        config: InferenceConfig,
        method: str,
        results_dir: str,
        instance_filter: InstanceFilter = KEEP_ALL,
        rejected: RejectedInputs | None = None,
        class_table: ClassTable | None = None,
    ):
        """Checks the folder of the results.

        Args:
          fingerprint: Fingerprint of the predictions, `fingerprint.prediction_fingerprint`.
          config: The configuration.
          method: One of `configs.choices.MERGE_METHODS`.
          results_dir: Folder of the results, made if needed.
          instance_filter: What is written.
          rejected: Lists the records that cannot be merged; without it, their errors are raised.
          class_table: The classes of the results, by index those of the records, whose label ids
            may be others; None for that of each record.

        Raises:
          ValueError: The folder holds results of another run; the message names the field.
        """
        if method not in MERGE_METHODS:
            raise ValueError(f"`method` must be one of {MERGE_METHODS}: {method!r}")
        wanted = result_fingerprint(fingerprint, config, method, instance_filter)
        if class_table is not None:
            wanted["class_table"] = structured.plain(dataclasses.asdict(class_table))
        super().__init__(results_dir, wanted)
        self._class_table = class_table
        self._predictions = fingerprint
        self._config = config
        self._method = method
        self._filter = instance_filter.at_least(config.min_score)
        self._rejected = RejectedInputs(strict=True) if rejected is None else rejected

    def merge(self, path: str, record: records.Record, source: str) -> None:
        """Writes the result of a record.

        Args:
          path: File of the record, for messages.
          record: The record.
          source: Hash of its file.

        Raises:
          ValueError: Filter or configuration do not fit. Without `rejected` also: the record was
            made with other settings, or cannot be merged.
        """
        class_table = self._class_table or record.class_table
        self._filter.check(class_table)
        if not self._is_of_this_run(path, record):
            return
        if self._method == MERGE_METHODS[0]:
            # An option that does not fit the networks is no fault of the record.
            with errors_named(path):
                self._config.merge_options(record.class_table, record.prediction.distances)
        instances = None
        with self._rejected.listed(record.name, path), errors_named(path):
            instances = merge_record(record, self._config, self._method)
            candidates = class_candidates(instances, self._config)
        if instances is None:
            return
        candidates = self._filter.select_candidates(candidates, class_table)
        self.write(record.name, instances, class_table, source, candidates)

    def _is_of_this_run(self, path: str, record: records.Record) -> bool:
        """Returns whether a record was made with the settings of the folder; lists any other."""
        with self._rejected.listed(record.name, path):
            difference = fingerprint_lib.first_difference(record.fingerprint, self._predictions)
            if difference:
                raise ValueError(f"{path}: belongs to another run than the folder: {difference}")
            return True
        return False


def merge_record(
    record: records.Record, config: InferenceConfig, method: str = MERGE_METHODS[0]
) -> Instances:
    """Returns the instances of a record, NumPy arrays.

    Args:
      record: The record; it must fit `config`, see `fingerprint.record_fields`.
      config: The configuration.
      method: One of `configs.choices.MERGE_METHODS`.

    Raises:
      ValueError: A logit is not finite; the message names the region.
    """
    prediction = record.prediction.select_views(config.semantic_flip, config.affinity_flip)
    if method == MERGE_METHODS[0]:
        return merger_of(prediction, config, record.class_table).merge(prediction)
    return merge_components(prediction, config.min_pixels)


def check_result(results_dir: str, name: str, record_path: str) -> None:
    """Raises ValueError if a result was made from another record."""
    if results_lib.read_source(results_dir, name) not in (None, files.sha256(record_path)):
        raise ValueError(
            f"{results_lib.result_path(results_dir, name)}: the result was not made from the "
            f"prediction {record_path}. Run `affinity_seg merge` again."
        )


def _find_fingerprint(
    folder: str, names: list[str], rejected: RejectedInputs
) -> dict[str, Any] | None:
    """Returns the fingerprint of a folder of records, None if no record can be read.

    It is read from the folder's file or, if there is none, from the first record that can be read.
    """
    path = os.path.join(folder, fingerprint_lib.FILE_NAME)
    if os.path.exists(path):
        return fingerprint_lib.read(path)
    for name in names:
        path = records.record_path(folder, name)
        with rejected.listed(name, path):
            return records.read_record(path).fingerprint
    return None


def _check_fields(folder: str, fingerprint: dict, config: InferenceConfig) -> None:
    """Checks that predictions can be merged with `config`."""
    wanted = fingerprint_lib.record_fields(config, fingerprint)
    found = {name: fingerprint.get(name) for name in wanted}
    difference = fingerprint_lib.first_difference(found, wanted)
    if difference:
        raise ValueError(
            f"{folder}: the predictions do not belong to this preset: there {difference}. "
            "Run `affinity_seg segment` with the preset."
        )
