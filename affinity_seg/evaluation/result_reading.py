"""Reads and checks result files."""

import io
import os
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from affinity_seg import files, names
from affinity_seg.data import picture_headers
from affinity_seg.evaluation import results
from affinity_seg.evaluation.results import Prediction
from affinity_seg.labels import ClassTable


class ResultLine(NamedTuple):
    """One line of a text file: path of the mask, class index 1..K-1 and score."""

    mask_path: str
    class_index: int
    score: float


def read_lines(results_dir: str, name: str, class_table: ClassTable) -> list[ResultLine]:
    """Reads and checks the text file of one image, without opening its masks.

    Raises:
      FileNotFoundError: The image has no result, or a mask is missing.
      ValueError: A line is malformed or has the mask of another line; the message has the file and
        the line number.
    """
    path = results.result_path(results_dir, name)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"no result for image {name!r}: {path} is missing")
    parsed = [
        _parse_line(line.rstrip("\n"), f"{path}:{number}", results_dir, class_table)
        for number, line in enumerate(io.StringIO(files.read_text(path)), start=1)
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
