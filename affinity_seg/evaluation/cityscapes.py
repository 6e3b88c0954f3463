"""The official Cityscapes evaluation of instances.

It calls functions of `cityscapesscripts.evaluation.evalInstanceLevelSemanticLabeling`: matching,
average precision, averages and table. It does not call the main program, because that caches the
ground truth inside the installed package and writes `matches.json` into the current folder. The
official parameters are a global object, so every run here works on a copy.

The official matching opens a file for each mask. Here these files lie in memory, so predictions can
be judged that were never written.
"""

import copy
import io
import math
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from cityscapesscripts.evaluation import evalInstanceLevelSemanticLabeling as official  # noqa: N813
from cityscapesscripts.helpers.labels import id2label
from tqdm import tqdm

from affinity_seg.data import truth_files
from affinity_seg.data.items import Item
from affinity_seg.evaluation import result_reading, results, truth
from affinity_seg.labels import ClassTable

MIN_PIXELS = int(official.args.minRegionSizes[0])
"""True instances below this size are not counted, pixels."""

_FIRST_INSTANCE = 1000
"""Least id of a true instance; below it are group regions."""

_JUDGED = (
    "instID", "pixelCount", "medDist", "distConf", "confidence", "intersection", "voidIntersection"
)  # fmt: skip
"""Fields of an instance that the official `evaluateMatches` reads, beside its matches."""


def evaluate(items: Sequence[Item], results_dir: str, class_table: ClassTable) -> dict[str, Any]:
    """Evaluates a folder of results and prints the official table.

    Args:
      items: The images of a split, all of which must have a result.
      results_dir: Folder of the results.
      class_table: Classes whose label ids are those of Cityscapes.

    Returns:
      `ap` and `ap50`; the same and `ap_per_iou` (from "0.50" in steps of 0.05) for each name in
      `classes`. Fractions, or None where there is no true instance.

    Raises:
      FileNotFoundError: Images without result (all are listed), a missing mask or truth.
      ValueError: A result or a truth breaks the format, or the classes are not those of Cityscapes.
    """
    truth.require_items(items)
    check_classes(class_table)
    results.check_all_done(results_dir, [item.name for item in items])
    judged = {
        item.name: match_image(item, results_dir, class_table)
        for item in tqdm(items, desc="judge", unit="image", disable=None)
    }
    parameters = _parameters()
    scores = _scores(judged, parameters)
    official.printResults(scores["averages"], parameters)
    return _summary(scores, class_table, len(items))


def match_image(item: Item, results_dir: str, class_table: ClassTable) -> dict[str, Any]:
    """Matches the result of one image with its truth, by the official code.

    Args:
      item: The image, which must have a result.
      results_dir: Folder of the results.
      class_table: As in `evaluate`.

    Returns:
      What `scores_of` needs of the image, for JSON.

    Raises:
      FileNotFoundError: The image has no result or truth, or a mask is missing.
      ValueError: As `evaluate`.
    """
    target = read_target(item, class_table)
    _check_paths(item, results_dir, class_table)
    size = target.pixels.shape
    predictions = result_reading.read_result(
        results_dir, item.name, class_table, size, item.truth_path
    )
    return match(target, predictions, class_table)


class Target(NamedTuple):
    """The truth of one image for the official code.

    Attributes:
      pixels: Its instance image, [H, W].
      instances: What the official code reads of each true instance, by the name of its class.
    """

    pixels: np.ndarray
    instances: dict[str, list[dict[str, Any]]]


def read_target(item: Item, class_table: ClassTable) -> Target:
    """Reads the truth of an image for `match`.

    Raises:
      FileNotFoundError: The image has no truth.
      ValueError: The truth breaks the format, or as `check_classes`.
    """
    check_classes(class_table)
    if any(c.isspace() for c in item.name):
        raise ValueError(
            f"{item.name!r}: the Cityscapes evaluation allows no blanks in names of images"
        )
    with truth_files.as_png(item, class_table) as file:
        path = os.path.abspath(file)
        instances = official.filterGtInstances(
            official.instances2dict([path], False)[path], _parameters()
        )
        return Target(np.array(official.readGTImage(path, None)), instances)


def match(
    target: Target, predictions: Sequence[results.Prediction], class_table: ClassTable
) -> dict[str, Any]:
    """Matches predictions with the truth of their image, by the official code.

    Args:
      target: The truth.
      predictions: The predictions; no mask is empty.
      class_table: As in `evaluate`.

    Returns:
      What `scores_of` needs of the image, for JSON.
    """
    described = {
        _mask_file(prediction.mask): {
            "labelID": class_table.label_ids[prediction.class_index - 1],
            "conf": float(prediction.score),
        }
        for prediction in predictions
    }
    true, predicted = official.assignGt2Preds(
        target.instances, target.pixels, described, _parameters()
    )
    return {
        side: {name: [_judged(entry) for entry in entries] for name, entries in by_class.items()}
        for side, by_class in (("groundTruth", true), ("prediction", predicted))
    }


def scores_of(judged: Mapping[str, dict[str, Any]], class_table: ClassTable) -> dict[str, Any]:
    """Returns what `evaluate` does, from what `match_image` returned of each image by name."""
    return _summary(_scores(judged, _parameters()), class_table, len(judged))


def _mask_file(mask: np.ndarray) -> io.BytesIO:
    """Returns a mask, bool [H, W], as a file in memory, PGM, which is not compressed."""
    height, width = mask.shape
    pixels = np.where(mask, 255, 0).astype(np.uint8).tobytes()
    return io.BytesIO(b"P5 %d %d 255\n" % (width, height) + pixels)


def _judged(entry: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields of an instance and its matches that the official code still needs."""
    kept = {key: entry[key] for key in _JUDGED if key in entry}
    for key in ("matchedGt", "matchedPred"):
        if key in entry:
            kept[key] = [_judged(other) for other in entry[key]]
    return kept


def _parameters() -> Any:
    """Returns a copy of the official parameters."""
    parameters = copy.deepcopy(official.args)
    parameters.colorized = sys.stdout.isatty()
    parameters.quiet = True
    official.setInstanceLabels(parameters)
    return parameters


def _scores(judged: Mapping[str, dict[str, Any]], parameters: Any) -> dict[str, Any]:
    """Returns the official dictionary of scores."""
    precisions = np.concatenate(
        [_precisions(judged, overlap, parameters) for overlap in parameters.overlaps], axis=-1
    )
    averages = _averages(precisions, parameters)
    return official.prepareJSONDataForResults(averages, precisions, parameters)


def _precisions(
    judged: Mapping[str, dict[str, Any]], overlap: float, parameters: Any
) -> np.ndarray:
    """Returns the official AP at one IoU threshold, float64 [1, classes, 1]; NaN without truth.

    The official code raises IndexError if a class has true instances, and predictions of which none
    counts at the threshold. Such a class is passed to it without predictions, so its AP is 0.
    """
    at_overlap = copy.copy(parameters)
    at_overlap.overlaps = np.array([overlap])
    uncounted = {
        name: []
        for name in parameters.instLabels
        if not any(
            _counts(prediction, overlap)
            for image in judged.values()
            for prediction in image["prediction"][name]
        )
    }
    matches = {
        name: {**image, "prediction": {**image["prediction"], **uncounted}}
        for name, image in judged.items()
    }
    return official.evaluateMatches(matches, at_overlap)


def _counts(prediction: dict[str, Any], overlap: float) -> bool:
    """Returns whether the official code counts a prediction, as a true or a false positive.

    It does not if the prediction matches nothing but group regions or small instances, nor if it
    matches nothing and more than the share `overlap` of it lies on those and on void.
    """
    size, ignored = prediction["pixelCount"], prediction["voidIntersection"]
    matched = []
    for true in prediction["matchedGt"]:
        is_group, is_small = true["instID"] < _FIRST_INSTANCE, true["pixelCount"] < MIN_PIXELS
        shared = true["intersection"]
        ignored += shared * (is_group + is_small)  # Small groups count twice, as in the original.
        if shared / (true["pixelCount"] + size - shared) > overlap:
            matched.append(not is_group and not is_small)
    return any(matched) if matched else ignored / size <= overlap


def _averages(precisions: np.ndarray, parameters: Any) -> dict[str, Any]:
    """Returns the official averages; NaN where no class has true instances."""
    if not np.isnan(precisions).all():
        return official.computeAverages(precisions, parameters)
    # The official code would take the mean of an empty array, which NumPy warns about.
    classes = {name: {"ap": math.nan, "ap50%": math.nan} for name in parameters.instLabels}
    return {"allAp": math.nan, "allAp50%": math.nan, "classes": classes}


def _summary(scores: dict[str, Any], class_table: ClassTable, count: int) -> dict[str, Any]:
    """Brings the official dictionary into the form that all judges share."""
    averages = scores["averages"]
    return {
        "judge": "cityscapes",
        "num_images": count,
        "ap": _number(averages["allAp"]),
        "ap50": _number(averages["allAp50%"]),
        "classes": {
            name: {
                "ap": _number(averages["classes"][name]["ap"]),
                "ap50": _number(averages["classes"][name]["ap50%"]),
                "ap_per_iou": {
                    f"{iou:.2f}": _number(value)
                    for iou, value in zip(
                        scores["overlaps"],
                        scores["resultApMatrix"][0][scores["instLabels"].index(name)],
                        strict=True,
                    )
                },
            }
            for name in class_table.class_names[1:]
        },
    }


def _number(value: float) -> float | None:
    """Returns a float for JSON, None for "not a number" (no true instance)."""
    return None if math.isnan(value) else float(value)


def check_classes(class_table: ClassTable) -> None:
    """Raises ValueError unless the official classes and void labels are those of the table."""
    judged = {i: v.name for i, v in id2label.items() if v.hasInstances and not v.ignoreInEval}
    own = dict(zip(class_table.label_ids, class_table.class_names[1:], strict=True))
    if own != judged:
        raise ValueError(
            f"class table {class_table.name!r}: the Cityscapes evaluation needs the classes "
            f"{judged}: {own}"
        )
    void = {i for i, v in id2label.items() if v.ignoreInEval}
    if set(class_table.void_label_ids) | {-1} != void:
        raise ValueError(
            f"class table {class_table.name!r}: the Cityscapes evaluation ignores the label ids "
            f"{sorted(void)}, so `void_label_ids` must be these: {class_table.void_label_ids}"
        )


def _check_paths(item: Item, results_dir: str, class_table: ClassTable) -> None:
    """Checks that the official program can read the paths of the masks."""
    for line in result_reading.read_lines(results_dir, item.name, class_table):
        relative = os.path.relpath(line.mask_path, results_dir)
        if any(c.isspace() for c in relative):
            raise ValueError(
                f"{results.result_path(results_dir, item.name)}: the Cityscapes evaluation allows "
                f"no blanks in paths of masks: {relative!r}"
            )
