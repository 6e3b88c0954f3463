"""Ids by area against plain Python, and masks by the nearest pixel."""

import collections
from fractions import Fraction

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg import grids


def _overlaps(side, source):
    """Yields for each of `side` pixels its parts {source pixel: length}, in source pixels."""
    length = Fraction(source, side)
    for y in range(side):
        begin, end = y * length, (y + 1) * length
        parts = {j: min(end, j + 1) - max(begin, j) for j in range(source)}
        yield {j: part for j, part in parts.items() if part > 0}


def _by_area(ids, height, width):
    """The rule of algorithm.md 3.4, word by word."""
    found = np.empty((height, width), np.int64)
    columns = list(_overlaps(width, ids.shape[1]))
    for y, rows in enumerate(_overlaps(height, ids.shape[0])):
        for x in range(width):
            areas = collections.Counter()
            for j, part in rows.items():
                for k, other in columns[x].items():
                    areas[int(ids[j, k])] += part * other
            largest = [i for i, area in areas.items() if area == max(areas.values())]
            found[y, x] = min(largest, key=lambda i: (i == 0, i))
    return found


@pytest.mark.parametrize("seed", range(60))
def test_ids_by_area_are_those_of_the_largest_part(seed):
    rng = np.random.default_rng(seed)
    h, w, height, width = rng.integers(1, 14, 4).tolist()
    ids = rng.integers(0, int(rng.choice([2, 3, 9, 2**31 - 1])), (h, w))
    found = grids.ids_by_area(ids, height, width)
    assert found.dtype == tf.int32
    np.testing.assert_array_equal(found, _by_area(ids, height, width))


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([[0, 0], [7, 7]], 7),  # an instance before the background
        ([[0, 5], [0, 0]], 0),
        ([[9, 4], [4, 9]], 4),  # the lower id
        ([[9, 4], [0, 0]], 0),
        ([[9, 4], [3, 0]], 3),
    ],
)
def test_ties(ids, expected):
    assert grids.ids_by_area(ids, 1, 1).numpy().tolist() == [[expected]]


def test_long_rows():
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 3, (100000, 2))  # 2 * 10^10 is beyond 32 bits.
    found = grids.ids_by_area(pairs.reshape(1, -1), 1, 100000).numpy()
    expected = np.where(pairs.min(axis=1) == 0, pairs.max(axis=1), pairs.min(axis=1))
    np.testing.assert_array_equal(found[0], expected)


@pytest.mark.parametrize("size", [(24, 36), (31, 47), (62, 94), (80, 121), (124, 188)])
def test_mirrored_maps_give_mirrored_ids(size):
    rng = np.random.default_rng(0)
    ids = np.where(rng.random(size) < 0.6, 3, 0)  # One id: ties do not depend on the side.
    found = grids.ids_by_area(ids, 31, 47).numpy()
    assert 0 < (found == 3).mean() < 1
    np.testing.assert_array_equal(grids.ids_by_area(ids[:, ::-1], 31, 47), found[:, ::-1])
    np.testing.assert_array_equal(grids.ids_by_area(ids[::-1], 31, 47), found[::-1])
    np.testing.assert_array_equal(grids.ids_by_area(ids.T, 47, 31), found.T)


def test_many_mixed_pixels_are_decided_in_pieces(monkeypatch):
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 4, (2060, 1100))  # More covered pixels than are looked at in one piece.
    assert ids.size > grids._CHUNK
    found = grids.ids_by_area(ids, 1030, 550).numpy()
    blocks = ids.reshape(1030, 2, 550, 2).transpose(0, 2, 1, 3).reshape(1030, 550, 4)
    counts = np.stack([(blocks == i).sum(axis=-1) for i in (1, 2, 3, 0)], axis=-1)
    np.testing.assert_array_equal(found, np.array([1, 2, 3, 0])[counts.argmax(axis=-1)])


def test_the_same_inside_a_graph_of_any_size():
    @tf.function(
        input_signature=[tf.TensorSpec([None, None], tf.int32), *[tf.TensorSpec([], tf.int32)] * 2]
    )
    def resize(ids, height, width):
        return grids.ids_by_area(ids, height, width), grids.nearest(ids, height, width)

    rng = np.random.default_rng(0)
    for h, w, height, width in rng.integers(1, 30, (20, 4)).tolist():
        ids = rng.integers(0, 3, (h, w), np.int32)
        by_area, nearest = resize(ids, height, width)
        np.testing.assert_array_equal(by_area, grids.ids_by_area(ids, height, width))
        np.testing.assert_array_equal(nearest, grids.nearest(ids, height, width))


def test_nearest_reads_pixel_centres():
    assert grids.nearest(np.arange(4)[None], 1, 2).numpy().tolist() == [[1, 3]]
    assert grids.nearest(np.arange(3)[None], 1, 7).numpy().tolist() == [[0, 0, 1, 1, 1, 2, 2]]
    for h, wanted in ((5, 12), (12, 5), (513, 200)):
        expected = [int((y + 0.5) * h / wanted) for y in range(wanted)]
        found = grids.nearest(np.arange(h)[:, None], wanted, 1).numpy()
        assert found[:, 0].tolist() == expected


@pytest.mark.parametrize("wrong", [-1, 2**31 - 1, 2**32 + 7])
def test_ids_that_are_not_allowed_are_refused(wrong):
    ids = np.array([[wrong, 3], [2, 3]], np.int64)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"`ids` must be in \[0, 2147483647\)"):
        grids.ids_by_area(ids, 1, 1)
