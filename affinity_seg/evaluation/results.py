"""Result files, for every class table in the Cityscapes result format.

    <results_dir>/<name>_pred.txt           one line per instance: "<mask path> <label id> <score>"
    <results_dir>/masks/<name>_<nnnn>.png   its mask, 8-bit, 0 or 255, as large as the image
    <results_dir>/sources/<name>.sha256     hash of what the result was made from; optional

The text file is written last, so an image is done exactly if its text file exists.
Label ids exist only in these files; everywhere else classes are indices.
"""

import os
from typing import NamedTuple

import cv2
import numpy as np

from affinity_seg import files, names, rejected_inputs
from affinity_seg.labels import ClassTable

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
    path = source_path(results_dir, name)
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        return file.read().decode("ascii", "replace").strip()


def source_path(results_dir: str, name: str) -> str:
    """Returns the path of the hash of what an image's result was made from."""
    return names.find(os.path.join(results_dir, SOURCE_FOLDER, f"{name}.sha256"))


def mask_path(name: str, index: int) -> str:
    """Returns the path, relative to the text file, of mask `index`, from 0, of an image."""
    return f"{MASK_FOLDER}/{name}_{index:04d}.png"


def encode_mask(mask: np.ndarray) -> bytes:
    """Returns the file of a mask, bool [H, W]."""
    return cv2.imencode(".png", np.where(mask, 255, 0).astype(np.uint8))[1].tobytes()


def format_line(path: str, class_index: int, score: float, class_table: ClassTable) -> str:
    """Returns the line of an instance; nine digits restore a float32 exactly."""
    return f"{path} {class_table.label_ids[class_index - 1]} {score:.9g}\n"


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


def _why(results_dir: str) -> str:
    """Returns a hint at the file that lists why images have no result, if there is one."""
    path = os.path.join(results_dir, rejected_inputs.FILE_NAME)
    return f"\nthe last run could not use some records, see {path}" if os.path.isfile(path) else ""
