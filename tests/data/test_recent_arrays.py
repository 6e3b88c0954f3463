"""Arrays that were used last are kept."""

import numpy as np

from affinity_seg.data.recent_arrays import RecentArrays


def test_what_was_not_used_for_longest_goes_first():
    kept, made = RecentArrays(20), []

    def get(key, size=10):
        def make():
            made.append(key)
            return np.full(size, key, np.uint8)

        assert kept.get(key, make).tolist() == [key] * size

    for key in (1, 2, 1, 3, 1, 2):
        get(key)
    assert made == [1, 2, 3, 2]
    get(4, size=50)  # Larger than what is kept in all.
    get(4, size=50)
    get(1)
    assert made == [1, 2, 3, 2, 4, 1]
