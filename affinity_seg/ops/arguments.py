"""Checks of the ops' arguments beside their options, shared with the NumPy reference."""

import numbers
from collections.abc import Sequence
from typing import Any

from affinity_seg import fields
from affinity_seg.merge_options import MAX_INT32


def num_classes(semantic_shape: Sequence[int | None] | None, rank: int) -> int | None:
    """Returns the number of classes, K, or None where it is unknown while a graph is built.

    Args:
      semantic_shape: Shape of `semantic`, K last, background included; None: unknown.
      rank: That `semantic` must have.

    Raises:
      ValueError: The rank is another one, or K is below 2.
    """
    if semantic_shape is None:
        return None
    if len(semantic_shape) != rank:
        raise ValueError(f"`semantic` must have rank {rank}: {list(semantic_shape)}")
    if semantic_shape[-1] is not None and semantic_shape[-1] < 2:
        raise ValueError(
            "`semantic` must have at least 2 channels, the background and a class: "
            f"{list(semantic_shape)}"
        )
    return semantic_shape[-1]


def checked_group(group: int, groups: Sequence[int]) -> int:
    """Returns `group` if it is 0 or one of the super-classes."""
    return fields.check_value("group", group, int, fields.Rule(low=0, high=max(groups)))


def checked_num_threads(num_threads: int) -> int:
    """Returns `num_threads` if it is 0 or a number of threads."""
    return fields.check_value("num_threads", num_threads, int, fields.Rule(low=0, high=MAX_INT32))


def checked_stride(name: str, stride: int) -> int:
    """Returns the pixels per logit."""
    return fields.check_value(name, stride, int, fields.Rule(low=1, high=MAX_INT32))


def check_mask_dtype(name: str) -> None:
    """Raises TypeError unless the name of the mask's dtype is "bool"."""
    if name != "bool":
        raise TypeError(f"`mask` must be bool: {name}")


def check_given(**arguments: Any) -> None:
    """Raises TypeError if an argument is None."""
    for name, value in arguments.items():
        if value is None:
            raise TypeError(f"`{name}` must be given: None")


def check_class(name: str, value: Any, wanted: type) -> None:
    """Raises TypeError unless the value of an argument is a `wanted`."""
    if not isinstance(value, wanted):
        raise TypeError(f"`{name}` must be {wanted.__name__}: {value!r}")


def image_lists(semantic: Any, affinity: Any, mask: Any, group: Any) -> dict[str, Sequence[Any]]:
    """Returns the inputs of several images by name, each a tuple with one entry for each image.

    Args:
      semantic: Anything with an entry for each image.
      affinity: Likewise.
      mask: Likewise, or None: None for each.
      group: Likewise, or one number for all.

    Raises:
      TypeError: An input is no list.
      ValueError: The lists are not of the same length.
    """
    affinity = _entries("affinity", affinity)
    size = len(affinity)
    if isinstance(group, numbers.Integral) or getattr(group, "shape", None) == ():
        group = [group] * size
    lists = {
        "semantic": _entries("semantic", semantic),
        "affinity": affinity,
        "mask": [None] * size if mask is None else _entries("mask", mask),
        "group": _entries("group", group),
    }
    for name, values in lists.items():
        if len(values) != size:
            raise ValueError(
                f"`{name}` must have one entry for each of `affinity`, {size}: {len(values)}"
            )
    return lists


def _entries(name, values):
    try:
        return tuple(values)
    except TypeError:
        raise TypeError(f"`{name}` must be a list, one entry for each image: {values!r}") from None
