"""Reads ground truth and result of each image of a split, for the metrics."""

from collections.abc import Iterator, Sequence

from affinity_seg.data.items import Item
from affinity_seg.evaluation.result_reading import read_result
from affinity_seg.evaluation.results import Prediction, check_all_done
from affinity_seg.evaluation.truth import Truth, read_truth, require_items
from affinity_seg.labels import ClassTable


def read_judged(
    items: Sequence[Item], results_dir: str, class_table: ClassTable
) -> Iterator[tuple[Item, Truth, list[Prediction]]]:
    """Yields each image with its ground truth and its result, after checking that all have one.

    Args:
      items: The images of a split.
      results_dir: Folder of the results.
      class_table: The classes.

    Raises:
      FileNotFoundError: Images without result (all are listed), a missing mask or truth.
      ValueError: There is no image, or a result breaks the format.
    """
    require_items(items)
    check_all_done(results_dir, [item.name for item in items])
    for item in items:
        target = read_truth(item, class_table)
        size, path = target.classes.shape, item.truth_path
        yield item, target, read_result(results_dir, item.name, class_table, size, path)
