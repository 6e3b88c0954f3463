"""Outlines along the edges of pixels."""

import numpy as np
import pytest
from fills import fill

from affinity_seg.export import outlines


def _mask(*rows):
    return np.array([[character == "#" for character in row] for row in rows])


def _area(ring):
    """Returns the area of a ring, positive if it is clockwise on the screen."""
    x, y = ring.T.astype(float)
    return (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2


def _corners(ring):
    return {tuple(corner) for corner in ring.tolist()}


def test_one_pixel_is_a_square_of_area_one():
    (polygon,) = outlines.trace(_mask("....", "..#."))
    assert polygon.shell.tolist() == [[3, 1], [3, 2], [2, 2], [2, 1]] and not polygon.holes
    assert _area(polygon.shell) == 1


def test_corners_only_and_a_hole_in_the_other_direction():
    (polygon,) = outlines.trace(_mask("#####", "#...#", "#####"))
    assert _corners(polygon.shell) == {(0, 0), (5, 0), (5, 3), (0, 3)}
    assert [_corners(hole) for hole in polygon.holes] == [{(1, 1), (4, 1), (4, 2), (1, 2)}]
    assert _area(polygon.shell) == 15 and _area(polygon.holes[0]) == -3


def test_an_island_in_a_hole_is_a_polygon_of_its_own():
    around, island = outlines.trace(_mask("#####", "#...#", "#.#.#", "#...#", "#####"))
    assert len(around.shell) == 4 and len(around.holes) == 1
    assert _corners(island.shell) == {(2, 2), (3, 2), (3, 3), (2, 3)} and not island.holes


def test_pixels_that_touch_diagonally_are_two_parts():
    first, second = outlines.trace(_mask("#.", ".#"))
    assert _corners(first.shell) & _corners(second.shell) == {(1, 1)}
    assert len(first.shell) == len(second.shell) == 4


@pytest.mark.parametrize(
    "rows",
    [
        ("####", "#.##", "##.#", "####"),  # A hole of two pixels that touch diagonally.
        ("###.", "#.#.", "##..", "...#"),  # The hole touches the outside diagonally.
    ],
)
def test_no_ring_touches_itself(rows):
    mask = _mask(*rows)
    polygons = outlines.trace(mask)
    rings = [ring for one in polygons for ring in (one.shell, *one.holes)]
    assert any(one.holes for one in polygons)
    assert all(len(_corners(ring)) == len(ring) for ring in rings)
    np.testing.assert_array_equal(fill(rings, mask.shape), mask)


def test_no_mask_no_polygon():
    assert outlines.trace(np.zeros((3, 4), bool)) == []


def test_random_masks_are_enclosed_exactly():
    rng = np.random.default_rng(0)
    count = 0
    for _ in range(200):
        mask = rng.random(rng.integers(1, 12, 2)) < rng.choice([0.3, 0.6, 0.8, 1.0])
        polygons = outlines.trace(mask)
        rings = [ring for one in polygons for ring in (one.shell, *one.holes)]
        assert all(len(_corners(ring)) == len(ring) for ring in rings)
        assert all(_area(one.shell) > 0 for one in polygons)
        assert all(_area(hole) < 0 for one in polygons for hole in one.holes)
        assert sum(map(_area, rings)) == mask.sum()
        np.testing.assert_array_equal(fill(rings, mask.shape), mask)
        for one in polygons:
            part = fill([one.shell, *one.holes], mask.shape)
            assert mask[part].all() and part.any()  # A hole lies in its own shell.
        count += len(rings)
    assert count > 500
