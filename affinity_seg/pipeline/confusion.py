"""Evaluates the classes of the semantic network, from prediction records (paper 4.2)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from affinity_seg.data.items import Item
from affinity_seg.evaluation import semantic
from affinity_seg.evaluation.truth import read_truth, require_items
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline import outputs
from affinity_seg.pipeline.probabilities import predicted_classes


def evaluate(
    items: Sequence[Item], predictions_dir: str, class_table: ClassTable
) -> dict[str, Any]:
    """Counts the pixels of a split.

    Args:
      items: Images with truth and prediction record.
      predictions_dir: Folder of the records.
      class_table: The classes.

    Returns:
      What `semantic.summary` returns.

    Raises:
      FileNotFoundError: A record or a truth is missing.
      ValueError: A record is damaged, of another image or of other classes, or a truth is damaged
        or of another size.
    """
    require_items(items)
    pixels = np.zeros((class_table.num_classes,) * 2, np.int64)
    for item in tqdm(items, desc="compare", unit="image", disable=None):
        prediction = outputs.read_prediction(item, predictions_dir, class_table)
        predicted = predicted_classes(prediction)
        target = read_truth(item, class_table, predicted.shape)
        pixels += semantic.count_pixels(target, predicted, class_table.num_classes)
    return semantic.summary(pixels, class_table)
