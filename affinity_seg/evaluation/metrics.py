"""Metrics by class table: the official Cityscapes code, COCO and Data Science Bowl for others."""

import types
from collections.abc import Mapping, Sequence
from typing import Any

from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.configs.choices import METRICS
from affinity_seg.data.items import Item
from affinity_seg.evaluation import cityscapes, coco, dsb, errors, results, tables, truth
from affinity_seg.evaluation.reading import read_judged
from affinity_seg.labels import ClassTable

CURVE_STEP = 10
"""A JSON file has every `CURVE_STEP`th of COCO's 101 points of recall."""

_KEPT_IOUS = ("0.50", "0.70", "0.90")
"""IoUs whose score of the Data Science Bowl is kept in model.yaml."""


def evaluate(
    items: Sequence[Item],
    results_dir: str,
    class_table: ClassTable,
    baseline_dir: str | None = None,
) -> dict[str, Any]:
    """Evaluates a folder of results and prints its tables, with those of the errors by kind.

    Args:
      items: The images of a split, all of which must have a result.
      results_dir: Folder of the results.
      class_table: The classes; its name chooses the metric.
      baseline_dir: Other results of the same images, to be printed beside the first.

    Returns:
      What `cityscapes.evaluate` returns, with the return value of `coco.evaluate` under `coco`; or
      what `coco.evaluate` returns, with the return value of `dsb.scores_of` under `dsb`. Both with
      that of `errors.summary` under `errors` and, with a baseline, all this for it under
      `baseline`.

    Raises:
      FileNotFoundError: Images without result (all are listed), a missing mask or truth.
      ValueError: A result breaks the format.
    """
    scores = _evaluate_one(items, results_dir, class_table)
    if baseline_dir:
        scores["baseline"] = _evaluate_one(items, baseline_dir, class_table)
        print("\n" + tables.comparison_table(scores, scores["baseline"]) + "\n")
    print(tables.error_tables(scores["errors"]) + "\n")
    return scores


def kept(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Returns of what `evaluate` returned the scores that model.yaml holds."""
    found = {name: scores[name] for name in ("ap", "ap50")}
    if "dsb" in scores:
        found |= {f"dsb_{iou}": scores["dsb"]["score_per_iou"][iou] for iou in _KEPT_IOUS}
        found["dsb_mean"] = scores["dsb"]["mean_score"]
    return found


def main_scores(items: Sequence[Item], results_dir: str, class_table: ClassTable) -> dict[str, Any]:
    """Evaluates a folder of results by the main metric of a class table only.

    Returns:
      What `cityscapes.evaluate` or `coco.evaluate` returns.

    Raises:
      FileNotFoundError: Images without result (all are listed), a missing mask or truth.
      ValueError: A result breaks the format.
    """
    return _main_metric(class_table).evaluate(items, results_dir, class_table)


def match_image(item: Item, results_dir: str, class_table: ClassTable) -> Any:
    """Matches predictions and ground truth of one image for the main metric of a class table.

    Raises:
      FileNotFoundError: The image has no result or truth, or a mask is missing.
      ValueError: The result breaks the format.
    """
    return _main_metric(class_table).match_image(item, results_dir, class_table)


def scores_of(judged: Mapping[str, Any], class_table: ClassTable) -> dict[str, Any]:
    """Returns what `main_scores` does, from what `match_image` returned of each image by name."""
    return _main_metric(class_table).scores_of(judged, class_table)


class Judge:
    """Scores instances that lie in memory by one number.

    Attributes:
      name: One of `configs.choices.METRICS`.
    """

    def __init__(self, class_table: ClassTable, name: str | None = None):
        """Chooses the metric.

        Args:
          class_table: The classes.
          name: "ap": AP by the main metric of the class table; "dsb": the mean score of the Data
            Science Bowl. None: "dsb" for one foreground class, else "ap".

        Raises:
          ValueError: There is no such metric.
        """
        if name is None:
            name = "dsb" if class_table.num_classes == 2 else "ap"
        if name not in METRICS:
            raise ValueError(f"`metric` must be one of {METRICS}: {name!r}")
        self.name = name
        self._class_table = class_table
        self._metric = dsb if name == "dsb" else _main_metric(class_table)

    def read_target(self, item: Item) -> Any:
        """Reads the truth of an image.

        Raises:
          FileNotFoundError: The image has no truth.
          ValueError: The truth breaks the format.
        """
        if self._metric is cityscapes:
            return cityscapes.read_target(item, self._class_table)
        return truth.read_truth(item, self._class_table)

    def match(self, target: Any, predictions: Sequence[results.Prediction]) -> Any:
        """Returns what `score` needs of an image, from its truth and its predictions."""
        return self._metric.match(target, predictions, self._class_table)

    def scores(self, judged: Mapping[str, Any]) -> dict[str, Any]:
        """Returns what the metric's `evaluate` does, from what `match` returned of each image."""
        return self._metric.scores_of(judged, self._class_table)

    def score(self, judged: Mapping[str, Any]) -> float | None:
        """Returns the score, 0..1, from what `match` returned of each image by name.

        It is that of `evaluate` for result files of the same predictions; None if there is no true
        instance.
        """
        return self.scores(judged)["mean_score" if self.name == "dsb" else "ap"]


def find_errors(
    items: Sequence[Item], results_dir: str, class_table: ClassTable
) -> list[errors.ImageErrors]:
    """Finds the errors of each image; the instances that count are those of the metric.

    Args:
      items: Images with truth and result.
      results_dir: Folder of the results.
      class_table: The classes; its name chooses the metric.

    Raises:
      FileNotFoundError: Images without result (all are listed), a missing mask or truth.
      ValueError: A result breaks the format.
    """
    return errors.judge_folder(items, results_dir, class_table, _min_pixels(class_table))


def coco_scores(scores: dict[str, Any]) -> dict[str, Any]:
    """Returns COCO's part of what `evaluate` returned."""
    return scores.get("coco", scores)


def for_json(scores: dict[str, Any]) -> dict[str, Any]:
    """Returns what `evaluate` returned with its curves cut down to every `CURVE_STEP`th point."""
    short = dict(scores)
    for key in ("coco", "baseline"):
        if key in short:
            short[key] = for_json(short[key])
    if "precision_recall" in short:
        curves = short["precision_recall"]
        short["precision_recall"] = {
            "recall": curves["recall"][::CURVE_STEP],
            **{
                kind: {name: values[::CURVE_STEP] for name, values in curves[kind].items()}
                for kind in coco.CURVES
            },
        }
    return short


def _main_metric(class_table: ClassTable) -> types.ModuleType:
    return cityscapes if class_table.name == CITYSCAPES.name else coco


def _min_pixels(class_table: ClassTable) -> int:
    """Returns the size below which the main metric does not count true instances, pixels."""
    return cityscapes.MIN_PIXELS if _main_metric(class_table) is cityscapes else 1


def _evaluate_one(
    items: Sequence[Item], results_dir: str, class_table: ClassTable
) -> dict[str, Any]:
    print(f"\n{results_dir}: {len(items)} images", flush=True)
    is_official = _main_metric(class_table) is cityscapes
    # The official code reads the files itself; all other metrics share one reading.
    official = main_scores(items, results_dir, class_table) if is_official else {}
    of_coco, of_dsb, of_errors = {}, {}, []
    for item, target, predictions in read_judged(items, results_dir, class_table):
        of_coco[item.name] = coco.match(target, predictions, class_table)
        if not is_official:
            of_dsb[item.name] = dsb.match(target, predictions, class_table)
        of_errors.append(
            errors.match_image(
                item.name, target, predictions, class_table, _min_pixels(class_table)
            )
        )
    scores = coco.scores_of(of_coco, class_table)
    if is_official:
        print(tables.coco_table(scores) + "\n")
        scores = {**official, "coco": scores}
    else:
        scores["dsb"] = dsb.scores_of(of_dsb, class_table)
        print("\n" + tables.coco_table(scores) + "\n\n" + tables.dsb_table(scores["dsb"]) + "\n")
    scores["errors"] = errors.summary(of_errors, class_table)
    return scores
