"""The ground truth of an image, for metrics and pictures."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from affinity_seg import labels
from affinity_seg.data import instance_files, truth_files
from affinity_seg.data.items import Item


class Truth(NamedTuple):
    """The ground truth of one image.

    Attributes:
      classes: int32 [H, W], class index; `labels.VOID_CLASS` where void.
      instance_ids: int32 [H, W], 1..N inside instances, else 0.
      instance_classes: int32 [N], class index of each instance.
      ignored: bool [H, W], void pixels and group regions.
    """

    classes: np.ndarray
    instance_ids: np.ndarray
    instance_classes: np.ndarray
    ignored: np.ndarray

    def instance_sizes(self) -> np.ndarray:
        """Returns the pixels of each instance, int64 [N]."""
        count = len(self.instance_classes)
        return np.bincount(self.instance_ids.ravel(), minlength=count + 1)[1:]


def read_truth(
    item: Item, class_table: labels.ClassTable, size: tuple[int, int] | None = None
) -> Truth:
    """Reads the truth of an image by the rules of training.

    Args:
      item: An image with truth of any form.
      class_table: The classes.
      size: Height and width of the image, pixels; given, the truth must have this size.

    Raises:
      FileNotFoundError: The file is missing.
      ValueError: The truth is damaged, has an unknown id or class or another size.
    """
    stored = truth_files.read(item, class_table).values
    if size is not None:
        instance_files.check_fits(item.truth_path, stored.shape, size)
    classes, instances = class_table.decode(stored)
    values, first, inverse = np.unique(instances, return_index=True, return_inverse=True)
    is_instance = values > 0
    numbers = np.where(is_instance, np.cumsum(is_instance), 0).astype(np.int32)
    return Truth(
        classes=classes,
        instance_ids=numbers[inverse].reshape(instances.shape),
        instance_classes=classes.reshape(-1)[first[is_instance]],
        ignored=instances == labels.VOID_INSTANCE,
    )


def require_items(items: Sequence[Item]) -> None:
    """Raises ValueError if there is no image to evaluate."""
    if not items:
        raise ValueError("there must be at least one image to evaluate: 0")
