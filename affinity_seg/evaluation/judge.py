"""The judge of a class table: the official one for Cityscapes, COCO and DSB for the others."""

from collections.abc import Sequence
from typing import Any

from affinity_seg.data.listing import Item
from affinity_seg.evaluation import cityscapes, coco, dsb, tables
from affinity_seg.labels import CITYSCAPES, ClassTable


def evaluate(
    items: Sequence[Item],
    results_dir: str,
    class_table: ClassTable,
    baseline_dir: str | None = None,
) -> dict[str, Any]:
    """Judges a folder of results and prints its tables.

    Args:
      items: The images of a split, all of which must have a result.
      results_dir: Folder of the results.
      class_table: The classes; its name chooses the judge.
      baseline_dir: Other results of the same images, to be printed beside the first.

    Returns:
      What `cityscapes.evaluate` returns, or what `coco.evaluate` returns with the return
      value of `dsb.evaluate` under `dsb`. With a baseline the same for it under `baseline`.

    Raises:
      FileNotFoundError: Images without result (all are listed), a missing mask or truth.
      ValueError: A result breaks the format.
    """
    scores = _evaluate_one(items, results_dir, class_table)
    if baseline_dir:
        scores["baseline"] = _evaluate_one(items, baseline_dir, class_table)
        print("\n" + tables.comparison_table(scores, scores["baseline"]) + "\n")
    return scores


def _evaluate_one(
    items: Sequence[Item], results_dir: str, class_table: ClassTable
) -> dict[str, Any]:
    print(f"\n{results_dir}: {len(items)} images", flush=True)
    if class_table.name == CITYSCAPES.name:
        return cityscapes.evaluate(items, results_dir, class_table)
    scores = coco.evaluate(items, results_dir, class_table)
    scores["dsb"] = dsb.evaluate(items, results_dir, class_table)
    print("\n" + tables.coco_table(scores) + "\n\n" + tables.dsb_table(scores["dsb"]) + "\n")
    return scores
