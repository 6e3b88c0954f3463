"""Takes some of many things where all of them would take too long."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def spread(everything: Sequence[T], count: int | None) -> list[T]:
    """Returns at most `count` of the entries, evenly spread over their order; None: all."""
    if count is None or count >= len(everything):
        return list(everything)
    return [everything[i * len(everything) // count] for i in range(count)]
