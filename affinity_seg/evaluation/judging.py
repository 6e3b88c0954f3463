"""Judges a folder of results: all scores with the errors by kind, and those that are kept."""

from collections.abc import Mapping, Sequence
from typing import Any

from affinity_seg.data.items import Item
from affinity_seg.evaluation import errors, metrics, tables
from affinity_seg.labels import ClassTable

_KEPT_IOUS = ("0.50", "0.70", "0.90")
"""IoUs whose score of the Data Science Bowl is kept in model.yaml."""


def judge(
    items: Sequence[Item],
    results_dir: str,
    class_table: ClassTable,
    baseline_dir: str | None = None,
) -> dict[str, Any]:
    """Evaluates a folder of results and prints its tables, with those of the errors.

    The arguments and the errors are those of `metrics.evaluate`.

    Returns:
      What `metrics.evaluate` returns, with the result of `errors.summary` under `errors`.
    """
    scores = metrics.evaluate(items, results_dir, class_table, baseline_dir)
    found = metrics.find_errors(items, results_dir, class_table)
    scores["errors"] = errors.summary(found, class_table)
    print(tables.error_tables(scores["errors"]) + "\n")
    return scores


def kept(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the scores that model.yaml holds."""
    found = {name: scores[name] for name in ("ap", "ap50")}
    if "dsb" in scores:
        found |= {f"dsb_{iou}": scores["dsb"]["score_per_iou"][iou] for iou in _KEPT_IOUS}
        found["dsb_mean"] = scores["dsb"]["mean_score"]
    return found
