"""The rules of the graph merge's arguments, shared by the op's Python face and the reference."""

import itertools
import numbers
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from affinity_seg import labels, neighbors

LINKAGES = ("average", "weighted")

_MAX_INT32 = 2**31 - 1
_MAX_DISTANCE = 2**20  # As in cc/lib/options.cc.
_MAX_ALPHA = 1e6
_DECIMALS = 6


def checked_options(
    semantic_shape: Sequence[int | None] | None,
    *,
    rank: int = 3,
    from_logits: bool = False,
    distances: Sequence[int] = neighbors.DISTANCES,
    stages: Sequence[int] = neighbors.STAGES,
    thresholds: Sequence[float] = (0.97, 0.7, 0.3),
    groups: Sequence[int] | None = None,
    alpha: float = 5.0,
    merge_window: int = 2,
    refine: bool = True,
    refine_classes: Sequence[int] = (),
    linkage: str = "average",
    min_pixels: int = 1024,
) -> dict[str, Any]:
    """Checks every argument of the graph merge that is no tensor.

    Args:
      semantic_shape: Of `semantic`, None where unknown.
      rank: That `semantic` must have.
      from_logits, distances, stages, thresholds, groups, alpha, merge_window, refine,
        refine_classes, linkage, min_pixels: As in `graph_merge`.

    Returns:
      The same by name, as plain Python values: `groups` filled in, `alpha` and `thresholds`
      rounded to six decimals.

    Raises:
      TypeError: An argument has the wrong type; the message names it.
      ValueError: An argument breaks its rule; the message names it.
    """
    merge_window = _whole_number("merge_window", merge_window)
    if merge_window not in (1, 2, 4):
        raise ValueError(f"`merge_window` must be 1, 2 or 4: {merge_window}")
    if not isinstance(linkage, str) or linkage not in LINKAGES:
        raise ValueError(f"`linkage` must be one of {LINKAGES}: {linkage!r}")
    distances = _checked_distances(distances, merge_window)
    stages = _whole_numbers("stages", stages, 1)
    if sum(stages) != len(distances):
        raise ValueError(
            f"`stages` must add up to the number of `distances`, {len(distances)}: {stages}"
        )
    groups = checked_groups(semantic_shape, groups, rank)
    return {
        "from_logits": checked_flag("from_logits", from_logits),
        "distances": distances,
        "stages": stages,
        "thresholds": _checked_thresholds(thresholds, len(stages)),
        "groups": groups,
        "alpha": _decimal("alpha", alpha, _MAX_ALPHA),
        "merge_window": merge_window,
        "refine": checked_flag("refine", refine),
        "refine_classes": _whole_numbers("refine_classes", refine_classes, 1, len(groups) - 1),
        "linkage": linkage,
        "min_pixels": _whole_number("min_pixels", min_pixels, 0),
    }


def checked_region_options(
    semantic_shape: Sequence[int | None] | None,
    *,
    groups: Sequence[int] | None,
    partition: bool,
    cell_size: int,
    growth: int,
    stride: int,
    from_logits: bool,
) -> dict[str, Any]:
    """Checks the arguments of `find_regions`, as `checked_options` does those of the merge."""
    return {
        "groups": checked_groups(semantic_shape, groups, rank=4),
        "partition": checked_flag("partition", partition),
        "cell_size": _whole_number("cell_size", cell_size, 1),
        "growth": _whole_number("growth", growth, 0),
        "stride": checked_stride("stride", stride),
        "from_logits": checked_flag("from_logits", from_logits),
    }


def checked_groups(
    semantic_shape: Sequence[int | None] | None, groups: Sequence[int] | None, rank: int = 3
) -> tuple[int, ...]:
    """Returns the super-class of each class; arguments and errors as in `checked_options`."""
    if semantic_shape is not None and len(semantic_shape) != rank:
        raise ValueError(f"`semantic` must have rank {rank}: {list(semantic_shape)}")
    num_classes = semantic_shape[-1] if semantic_shape is not None else None
    if num_classes is not None and num_classes < 2:
        raise ValueError(
            "`semantic` must have at least 2 channels, the background and a class: "
            f"{list(semantic_shape)}"
        )
    if groups is None:
        if num_classes is None:
            raise ValueError(
                "`groups` must be given where the number of classes is unknown: "
                f"`semantic` has shape {semantic_shape}"
            )
        return labels.default_groups(num_classes)
    groups = _whole_numbers("groups", groups)
    if len(groups) < 2:
        raise ValueError(f"`groups` must have at least 2 entries: {groups}")
    labels.check_groups(groups, num_classes or len(groups))
    return groups


def checked_group(group: int, groups: Sequence[int]) -> int:
    """Returns `group` if it is 0 or one of the super-classes; errors as in `checked_options`."""
    return _whole_number("group", group, 0, max(groups))


def checked_num_threads(num_threads: int) -> int:
    """Returns `num_threads` if it is 0 or a number of threads; errors as in `checked_options`."""
    return _whole_number("num_threads", num_threads, 0)


def checked_stride(name: str, stride: int) -> int:
    """Returns the pixels per logit; errors as in `checked_options`."""
    return _whole_number(name, stride, 1)


def check_mask_dtype(name: str) -> None:
    """Raises TypeError unless the name of the mask's dtype is "bool"."""
    if name != "bool":
        raise TypeError(f"`mask` must be bool: {name}")


def check_given(**arguments: Any) -> None:
    """Raises TypeError if an argument is None."""
    for name, value in arguments.items():
        if value is None:
            raise TypeError(f"`{name}` must be given: None")


def checked_flag(name: str, value: bool) -> bool:
    """Returns `value` as bool; errors as in `checked_options`."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"`{name}` must be bool: {value!r}")
    return bool(value)


def _whole_number(name, value, low=-_MAX_INT32 - 1, high=_MAX_INT32):
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"`{name}` must be a whole number: {value!r}") from None
    if not low <= number <= high:
        raise ValueError(f"`{name}` must be in [{low}, {high}]: {number}")
    return number


def _whole_numbers(name, values, low=-_MAX_INT32 - 1, high=_MAX_INT32):
    return tuple(_whole_number(name, value, low, high) for value in _entries(name, values))


def _entries(name, values):
    try:
        return tuple(values)
    except TypeError:
        raise TypeError(f"`{name}` must be a sequence of numbers: {values!r}") from None


def _decimal(name, value, high):
    """Returns `value`, which must be in (0, high], rounded to six decimals."""
    if not isinstance(value, numbers.Real):
        raise TypeError(f"`{name}` must be a number: {value!r}")
    if not 0 < value <= high:  # Also NaN.
        raise ValueError(f"`{name}` must be in (0, {high:g}]: {value}")
    rounded = round(float(value), _DECIMALS)
    if rounded == 0:
        raise ValueError(f"`{name}` must not be 0 in six decimals: {value}")
    return rounded


def _checked_distances(distances, merge_window):
    distances = _whole_numbers("distances", distances, 1, _MAX_DISTANCE)
    if not distances:
        raise ValueError("`distances` must not be empty: ()")
    if any(b <= a for a, b in itertools.pairwise(distances)):
        raise ValueError(f"`distances` must be strictly increasing: {distances}")
    if any(d > merge_window and d % merge_window for d in distances):
        raise ValueError(
            f"`distances` above `merge_window` must be multiples of it, {merge_window}: {distances}"
        )
    return distances


def _checked_thresholds(thresholds, num_stages):
    thresholds = _entries("thresholds", thresholds)
    rounded = tuple(_decimal("thresholds", threshold, 1) for threshold in thresholds)
    if len(thresholds) != num_stages:
        raise ValueError(f"`thresholds` must have one entry per stage, {num_stages}: {thresholds}")
    if any(b > a for a, b in itertools.pairwise(thresholds)):
        raise ValueError(f"`thresholds` must not increase: {thresholds}")
    return rounded
