"""Keeps the arrays that were used last, because they may be needed again soon."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np


class RecentArrays:
    """Arrays by key. The one that was not used for longest goes first."""

    def __init__(self, max_bytes: int):
        """Begins without arrays.

        Args:
          max_bytes: Most bytes of all arrays; the last one is kept however large it is.
        """
        self._max_bytes = max_bytes
        self._arrays: OrderedDict[Hashable, np.ndarray] = OrderedDict()

    @property
    def num_bytes(self) -> int:
        """Bytes of the arrays that are kept now."""
        return sum(array.nbytes for array in self._arrays.values())

    def get(self, key: Hashable, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Returns the array of a key; `make` makes it if it is not there any more."""
        if key in self._arrays:
            self._arrays.move_to_end(key)
            return self._arrays[key]
        found = make()
        size = self.num_bytes + found.nbytes
        while size > self._max_bytes and self._arrays:
            size -= self._arrays.popitem(last=False)[1].nbytes
        self._arrays[key] = found
        return found
