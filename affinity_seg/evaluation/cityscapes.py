"""The official Cityscapes evaluation of instances, run as it is.

The judge is `cityscapesscripts.evaluation.evalInstanceLevelSemanticLabeling`. It keeps its
parameters in a global object, caches the truth inside the installed package and
writes `matches.json` into the current folder. Here it gets a copy of the parameters
and a temporary folder for both files, so that runs do not influence each other.
"""

import contextlib
import copy
import math
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from cityscapesscripts.evaluation import evalInstanceLevelSemanticLabeling as official  # noqa: N813
from cityscapesscripts.helpers.labels import id2label

from affinity_seg.data import checks
from affinity_seg.data.listing import Item
from affinity_seg.evaluation import results
from affinity_seg.evaluation.truth import require_items
from affinity_seg.labels import ClassTable

MIN_PIXELS = int(official.args.minRegionSizes[0])
"""True instances below this size are not judged."""

_JUDGED = (
    "instID", "pixelCount", "medDist", "distConf", "confidence", "intersection", "voidIntersection"
)  # fmt: skip
"""What `evaluateMatches` of the official code reads of an instance, beside its matches."""


def evaluate(items: Sequence[Item], results_dir: str, class_table: ClassTable) -> dict[str, Any]:
    """Judges a folder of results and prints the official table.

    Not thread-safe: the current folder is changed while the official code runs.

    Args:
      items: The images of a split, all of which must have a result.
      results_dir: Folder of the results.
      class_table: Classes whose label ids are those of Cityscapes.

    Returns:
      `ap` and `ap50`; the same and `ap_per_iou` (from "0.50" in steps of 0.05) for each name in
      `classes`. Fractions, or None where there is no true instance.

    Raises:
      FileNotFoundError: Images without result (all are listed) or a missing mask.
      ValueError: A result breaks the format, or the classes are not those of Cityscapes.
    """
    require_items(items)
    check_classes(class_table)
    results.check_all_done(results_dir, [item.name for item in items])
    for item in items:
        _check_result(item, results_dir, class_table)

    parameters = _parameters(results_dir)
    # With a terminal the official progress is shown, its table follows in any case.
    parameters.quiet = not sys.stdout.isatty()
    truth_paths = [os.path.abspath(item.instance_path) for item in items]
    result_paths = [os.path.abspath(results.result_path(results_dir, i.name)) for i in items]
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        parameters.gtInstancesFile = os.path.join(scratch, "gtInstances.json")
        scores = official.evaluateImgLists(result_paths, truth_paths, parameters)
    if parameters.quiet:
        official.printResults(scores["averages"], parameters)
    return _summary(scores, class_table, len(items))


def judge_image(item: Item, results_dir: str, class_table: ClassTable) -> dict[str, Any]:
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
    check_classes(class_table)
    _check_result(item, results_dir, class_table)
    parameters = _parameters(results_dir)
    parameters.quiet = True
    official.setInstanceLabels(parameters)
    truth = os.path.abspath(item.instance_path)
    result = os.path.abspath(results.result_path(results_dir, item.name))
    instances = official.instances2dict([truth], False)
    matches = official.matchGtWithPreds([result], [truth], instances, parameters)[truth]
    return {
        side: {name: [_judged(entry) for entry in entries] for name, entries in by_class.items()}
        for side, by_class in matches.items()
    }


def scores_of(judged: Mapping[str, dict[str, Any]], class_table: ClassTable) -> dict[str, Any]:
    """Returns what `evaluate` does, from what `judge_image` returned of each image by name."""
    parameters = _parameters("")
    official.setInstanceLabels(parameters)
    precisions = official.evaluateMatches(judged, parameters)
    averages = official.computeAverages(precisions, parameters)
    scores = official.prepareJSONDataForResults(averages, precisions, parameters)
    return _summary(scores, class_table, len(judged))


def _judged(entry: dict[str, Any]) -> dict[str, Any]:
    """Returns what the official code reads of an instance and its matches after the matching."""
    kept = {key: entry[key] for key in _JUDGED if key in entry}
    for key in ("matchedGt", "matchedPred"):
        if key in entry:
            kept[key] = [_judged(other) for other in entry[key]]
    return kept


def _parameters(results_dir: str) -> Any:
    """Returns a copy of the official parameters."""
    parameters = copy.deepcopy(official.args)
    parameters.predictionPath = os.path.abspath(results_dir)
    parameters.JSONOutput = False
    parameters.colorized = sys.stdout.isatty()
    return parameters


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
    """Raises ValueError unless the judge counts and ignores exactly what the table says."""
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


def _check_result(item: Item, results_dir: str, class_table: ClassTable) -> None:
    """Checks what the official code would take without a word or break off at."""
    if any(c.isspace() for c in item.name):
        raise ValueError(
            f"{item.name!r}: the Cityscapes evaluation allows no blanks in names of images"
        )
    size = checks.read_instances(item.instance_path, class_table).shape
    results.read_result(results_dir, item.name, class_table, size)
