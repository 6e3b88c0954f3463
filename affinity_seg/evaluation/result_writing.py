"""Writes the instances of images as result files."""

import contextlib
import glob
import os
import re
from collections.abc import Iterator

import numpy as np

from affinity_seg import files, names
from affinity_seg.evaluation import results
from affinity_seg.evaluation.results import Prediction
from affinity_seg.instances import Instances
from affinity_seg.labels import ClassTable
from affinity_seg.ops import Candidates


def write_result(
    results_dir: str,
    name: str,
    instances: Instances,
    class_table: ClassTable,
    source: str | None = None,
    candidates: Candidates | None = None,
) -> None:
    """Writes the instances of one image, masks first and the text file last.

    An older result of the same image is replaced. Processes that write the same result at the
    same time do not disturb each other.

    Args:
      results_dir: Folder of the results, made if needed.
      name: Key of the image; becomes part of file names.
      instances: The instances; classes are indices and become label ids here.
      class_table: The classes.
      source: Hash of what the result was made from, for `read_source`.
      candidates: The predictions that are written, if not each instance once with its class. Each
        candidate has a mask file of its own, because the official program identifies predictions by
        the paths of their masks.

    Raises:
      ValueError: The instances break a rule of the format; nothing has been written.
    """
    _check(name, instances, class_table)
    for folder in (results.MASK_FOLDER, results.SOURCE_FOLDER):
        names.subfolder(results_dir, folder)
    text_path = results.result_path(results_dir, name)
    _remove(text_path)
    _remove(results.source_path(results_dir, name))
    mask_names, lines = set(), []
    for index, (mask_id, class_index, score) in enumerate(_listed(instances, candidates)):
        mask_name = results.mask_path(name, index)
        mask_names.add(os.path.basename(mask_name))
        mask = results.encode_mask(instances.instance_ids == mask_id)
        files.write_bytes(os.path.join(results_dir, mask_name), mask)
        lines.append(results.format_line(mask_name, class_index, score, class_table))
    for path in _mask_paths(results_dir, name):
        if os.path.basename(path) not in mask_names:
            _remove(path)
    if source is not None:
        files.write_bytes(results.source_path(results_dir, name), f"{source}\n".encode())
    files.write_bytes(text_path, "".join(lines).encode())


def predictions_of(instances: Instances, candidates: Candidates | None = None) -> list[Prediction]:
    """Returns what `read_result` would read of instances that `write_result` wrote."""
    return [
        Prediction(instances.instance_ids == mask_id, int(class_index), float(score))
        for mask_id, class_index, score in _listed(instances, candidates)
    ]


def _check(name: str, instances: Instances, class_table: ClassTable) -> None:
    """Raises ValueError unless `instances` can be written for the image `name`."""
    names.check(name, "`name`")
    ids = instances.instance_ids
    if ids.ndim != 2 or not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(
            f"{name}: `instance_ids` must be integers [H, W]: {ids.dtype} {list(ids.shape)}"
        )
    count = len(instances.classes)
    if len(instances.scores) != count:
        raise ValueError(
            f"{name}: `scores` must have one entry per instance, {count}: {len(instances.scores)}"
        )
    found = set(np.unique(ids).tolist()) - {0}
    if not found <= set(range(1, count + 1)):
        raise ValueError(
            f"{name}: `instance_ids` must be 0 or an instance 1..{count}: "
            f"{sorted(found - set(range(1, count + 1)))[:10]}"
        )
    for index, (class_index, score) in enumerate(
        zip(instances.classes, instances.scores, strict=True), start=1
    ):
        if not 1 <= class_index < class_table.num_classes:
            raise ValueError(
                f"{name}: `classes` must be class indices in [1, {class_table.num_classes - 1}], "
                f"not label ids: {class_index} (instance {index})"
            )
        if not np.isfinite(score):
            raise ValueError(f"{name}: `scores` must be finite: {score} (instance {index})")
        if index not in found:
            raise ValueError(f"{name}: the mask of instance {index} must not be empty")


def _listed(
    instances: Instances, candidates: Candidates | None
) -> Iterator[tuple[int, int, float]]:
    """Returns mask id, class index and score of each line of a result."""
    if candidates is None:
        mask_ids = range(1, len(instances.classes) + 1)
        return zip(mask_ids, instances.classes, instances.scores, strict=True)
    return zip(candidates.mask_ids, candidates.classes, candidates.scores, strict=True)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


def _mask_paths(results_dir: str, name: str) -> list[str]:
    """Returns the paths of all masks of an image that are on disk."""
    pattern = os.path.join(
        glob.escape(results_dir), results.MASK_FOLDER, glob.escape(name) + "_*.png"
    )
    own = re.compile(re.escape(name) + r"_\d{4,}\.png")
    return [path for path in glob.glob(pattern) if own.fullmatch(os.path.basename(path))]
