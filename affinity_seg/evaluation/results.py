"""Result files, for every class table in the Cityscapes result format.

    <results_dir>/<name>_pred.txt           one line per instance: "<mask path> <label id> <score>"
    <results_dir>/masks/<name>_<nnnn>.png   its mask, 8-bit, 0 or 255, as large as the image
    <results_dir>/sources/<name>.sha256     hash of what the result was made from; optional

The text file is written last, so an image is done exactly if its text file exists.
Label ids exist only in these files; everywhere else classes are indices.
"""

import contextlib
import glob
import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from affinity_seg import files, names, rejected_inputs
from affinity_seg.data import picture_headers
from affinity_seg.instances import Instances
from affinity_seg.labels import ClassTable
from affinity_seg.ops import Candidates

MASK_FOLDER = "masks"
SOURCE_FOLDER = "sources"


class Prediction(NamedTuple):
    """One predicted instance.

    Attributes:
      mask: bool [H, W].
      class_index: Class index, 1..K-1.
      score: Confidence, finite.
    """

    mask: np.ndarray
    class_index: int
    score: float


class ResultLine(NamedTuple):
    """One line of a text file: path of the mask, class index 1..K-1 and score."""

    mask_path: str
    class_index: int
    score: float


def result_path(results_dir: str, name: str) -> str:
    """Returns the path of an image's text file."""
    return names.find(os.path.join(results_dir, f"{name}_pred.txt"))


def is_done(results_dir: str, name: str) -> bool:
    """Returns whether the result of an image has been written completely."""
    return os.path.isfile(result_path(results_dir, name))


def remove_leftovers(results_dir: str) -> None:
    """Removes temporary files of killed runs."""
    for folder in ("", MASK_FOLDER, SOURCE_FOLDER):
        files.remove_leftovers(os.path.join(results_dir, folder))


def read_source(results_dir: str, name: str) -> str | None:
    """Returns the hash of what an image's result was made from, None if it was not recorded."""
    path = _source_path(results_dir, name)
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        return file.read().decode("ascii", "replace").strip()


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
    for folder in (MASK_FOLDER, SOURCE_FOLDER):
        names.subfolder(results_dir, folder)
    text_path = result_path(results_dir, name)
    _remove(text_path)
    _remove(_source_path(results_dir, name))
    mask_names, lines = set(), []
    for index, (mask_id, class_index, score) in enumerate(_listed(instances, candidates)):
        mask_name = mask_path(name, index)
        mask_names.add(os.path.basename(mask_name))
        mask = encode_mask(instances.instance_ids == mask_id)
        files.write_bytes(os.path.join(results_dir, mask_name), mask)
        lines.append(format_line(mask_name, class_index, score, class_table))
    for path in _mask_paths(results_dir, name):
        if os.path.basename(path) not in mask_names:
            _remove(path)
    if source is not None:
        files.write_bytes(_source_path(results_dir, name), f"{source}\n".encode())
    files.write_bytes(text_path, "".join(lines).encode())


def predictions_of(instances: Instances, candidates: Candidates | None = None) -> list[Prediction]:
    """Returns what `read_result` would read of instances that `write_result` wrote."""
    return [
        Prediction(instances.instance_ids == mask_id, int(class_index), float(score))
        for mask_id, class_index, score in _listed(instances, candidates)
    ]


def mask_path(name: str, index: int) -> str:
    """Returns the path, relative to the text file, of mask `index`, from 0, of an image."""
    return f"{MASK_FOLDER}/{name}_{index:04d}.png"


def encode_mask(mask: np.ndarray) -> bytes:
    """Returns the file of a mask, bool [H, W]."""
    return cv2.imencode(".png", np.where(mask, 255, 0).astype(np.uint8))[1].tobytes()


def format_line(path: str, class_index: int, score: float, class_table: ClassTable) -> str:
    """Returns the line of an instance; nine digits restore a float32 exactly."""
    return f"{path} {class_table.label_ids[class_index - 1]} {score:.9g}\n"


def read_lines(results_dir: str, name: str, class_table: ClassTable) -> list[ResultLine]:
    """Reads and checks the text file of one image, without opening its masks.

    Raises:
      FileNotFoundError: The image has no result, or a mask is missing.
      ValueError: A line is malformed or has the mask of another line; the message has the file and
        the line number.
    """
    path = result_path(results_dir, name)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"no result for image {name!r}: {path} is missing")
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: the file must be UTF-8 text: {error}") from error
    parsed = [
        _parse_line(line.rstrip("\n"), f"{path}:{number}", results_dir, class_table)
        for number, line in enumerate(lines, start=1)
    ]
    _check_own_masks(path, parsed)
    return parsed


def read_result(
    results_dir: str,
    name: str,
    class_table: ClassTable,
    size: tuple[int, int] | None = None,
    size_of: str = "the image",
) -> list[Prediction]:
    """Reads the instances of one image.

    Args:
      results_dir: Folder of the results.
      name: Key of the image.
      class_table: The classes.
      size: Height and width that every mask must have; those of the first mask if not given.
      size_of: What has this size, for messages.

    Returns:
      The instances in the order of the file.

    Raises:
      FileNotFoundError: The image has no result, or a mask is missing.
      ValueError: A line is malformed, a mask is no 8-bit PNG, is empty, has another size or is
        listed twice.
    """
    predictions = []
    for line in read_lines(results_dir, name, class_table):
        mask = _decode_mask(line.mask_path)
        if size is None:
            size, size_of = mask.shape, line.mask_path
        if mask.shape != tuple(size):
            raise ValueError(
                f"{line.mask_path}: the mask must be {size[0]}x{size[1]} pixels (height x width) "
                f"as {size_of}: {mask.shape[0]}x{mask.shape[1]}"
            )
        if not mask.any():
            raise ValueError(f"{line.mask_path}: the mask must not be empty")
        predictions.append(Prediction(mask != 0, line.class_index, line.score))
    return predictions


def check_all_done(results_dir: str, wanted: list[str]) -> None:
    """Raises FileNotFoundError with a list of the images in `wanted` that have no result."""
    missing = [name for name in wanted if not is_done(results_dir, name)]
    if missing:
        listed = "\n  ".join(missing[:20])
        more = f"\n  and {len(missing) - 20} more" if len(missing) > 20 else ""
        raise FileNotFoundError(
            f"{len(missing)} of {len(wanted)} images have no result <name>_pred.txt in "
            f"{results_dir} (an image without instances needs an empty one):\n  {listed}{more}"
            f"{_why(results_dir)}"
        )


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


def _why(results_dir: str) -> str:
    """Returns a hint at the file that lists why images have no result, if there is one."""
    path = os.path.join(results_dir, rejected_inputs.FILE_NAME)
    return f"\nthe last run could not use some records, see {path}" if os.path.isfile(path) else ""


def _decode_mask(path: str) -> np.ndarray:
    """Returns a mask file as uint8 [H, W]."""
    with open(path, "rb") as file:
        content = file.read()
    picture_headers.check_header(path, content, ("PNG",))
    mask = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if mask is None:
        raise ValueError(f"{path}: the file is damaged or cut off, {len(content)} bytes")
    if mask.dtype != np.uint8 or mask.ndim != 2:
        raise ValueError(f"{path}: a mask must be an 8-bit PNG of one channel")
    return mask


def _source_path(results_dir: str, name: str) -> str:
    return names.find(os.path.join(results_dir, SOURCE_FOLDER, f"{name}.sha256"))


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


def _mask_paths(results_dir: str, name: str) -> list[str]:
    """Returns the paths of all masks of an image that are on disk."""
    pattern = os.path.join(glob.escape(results_dir), MASK_FOLDER, glob.escape(name) + "_*.png")
    own = re.compile(re.escape(name) + r"_\d{4,}\.png")
    return [path for path in glob.glob(pattern) if own.fullmatch(os.path.basename(path))]


def _check_own_masks(path: str, lines: Sequence[ResultLine]) -> None:
    """Raises ValueError if two lines of the text file `path` have one mask file.

    The official program would keep only the last of them. Different files may hold equal masks.
    """
    first: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        other = first.setdefault(os.path.realpath(line.mask_path), number)
        if other != number:
            raise ValueError(
                f"{path}:{number}: each line must have a mask file of its own, also for another "
                f"class of the same mask: {line.mask_path} is that of line {other}"
            )


def _parse_line(line: str, where: str, results_dir: str, class_table: ClassTable) -> ResultLine:
    """Parses one line; `where` is its file and number for messages."""
    parts = line.rsplit(" ", 2)
    if len(parts) != 3:
        raise ValueError(f'{where}: a line must be "<mask path> <label id> <score>": {line!r}')
    relative, label, score_text = parts
    try:
        label_id, score = int(label), float(score_text)
    except ValueError as error:
        raise ValueError(
            f'{where}: a line must be "<mask path> <label id> <score>": {line!r}'
        ) from error
    if label_id not in class_table.label_ids:
        raise ValueError(
            f"{where}: the label id must be one of {class_table.label_ids} "
            f"(class table {class_table.name!r}): {label_id}"
        )
    if not np.isfinite(score):
        raise ValueError(f"{where}: the score must be finite: {score_text}")
    path = names.inside(results_dir, relative, where)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{where}: the mask is missing: {path}")
    return ResultLine(path, class_table.label_ids.index(label_id) + 1, score)
