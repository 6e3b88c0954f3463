"""Regions of interest on drawn arrays."""

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.pipeline import regions as lib

SMALL = InferenceConfig(cell_size=4, growth=2, crop_size=40)
GROUPS = (0, 1, 2)


def _probabilities(rows):
    """One pixel per character; '.' is background."""
    classes = np.array([[".12".index(c) for c in row] for row in rows])
    return np.eye(3, dtype=np.float32)[classes] * 0.8


def _find(probabilities, groups, config):
    size = probabilities.shape[:2]
    if not config.regions:
        return [r.as_numpy() for r in lib.whole_image(tf.constant(size), groups, config)]
    return lib.listed(
        lib.find_regions(probabilities[None], size, groups, config, from_logits=False)
    )


def _draw(height, width, points):
    probabilities = np.zeros((height, width, 3), np.float32)
    probabilities[..., 0] = 1
    for y, x, c in points:
        probabilities[y, x] = np.eye(3)[c]
    return probabilities


def test_cells_join_over_corners_and_grow_as_squares():
    found = _find(_draw(20, 20, [(9, 5, 1), (12, 8, 1)]), GROUPS, SMALL)
    assert [(r.group, r.box) for r in found] == [(1, (6, 2, 18, 14))]
    # Cells rows 8-12 x columns 4-8 and rows 12-16 x columns 8-12, each grown by 2.
    expected = np.zeros((20, 20), bool)
    expected[6:14, 2:10] = True
    expected[10:18, 6:14] = True
    assert np.array_equal(found[0].mask, expected[6:18, 2:14])


def test_regions_come_by_group_then_by_their_first_cell():
    points = [(17, 1, 1), (1, 17, 1), (9, 9, 2)]
    found = _find(_draw(20, 20, points), GROUPS, SMALL)
    assert [(r.group, r.box[:2]) for r in found] == [(1, (0, 14)), (1, (14, 0)), (2, (6, 6))]
    # Without partition the cells of both classes touch: one region of any group.
    points = [(1, 1, 1), (5, 5, 2)]
    (one,) = _find(
        _draw(20, 20, points), GROUPS, InferenceConfig(cell_size=4, growth=0, partition=False)
    )
    assert one.group == 0 and one.box == (0, 0, 8, 8) and one.mask.sum() == 32


def test_partial_cells_and_growth_are_clipped_to_the_image():
    (region,) = _find(_draw(10, 7, [(9, 6, 1)]), GROUPS, SMALL)
    assert region.box == (6, 2, 10, 7) and region.mask.all()
    (region,) = _find(_draw(1, 1, [(0, 0, 2)]), GROUPS, SMALL)
    assert region.box == (0, 0, 1, 1) and region.mask.tolist() == [[True]]


def test_partition_sums_classes_and_ties_go_to_background():
    probabilities = np.zeros((4, 8, 4), np.float32)
    probabilities[:, :4] = (0.375, 0.25, 0.25, 0.125)  # Group 1 by its sum, 0.5.
    probabilities[:, 4:] = (0.5, 0.25, 0.25, 0.0)  # A tie.
    (region,) = _find(probabilities, (0, 1, 1, 2), InferenceConfig(cell_size=4, growth=0))
    assert (region.group, region.box) == (1, (0, 0, 4, 4))
    # Without partition it is the single class that must beat the background.
    config = InferenceConfig(cell_size=4, partition=False)
    assert _find(probabilities, (0, 1, 1, 2), config) == []


def test_without_regions_the_whole_image_is_one():
    probabilities = _probabilities(["..1", "..."])
    config = InferenceConfig(regions=False, partition=False)
    (region,) = _find(probabilities, GROUPS, config)
    assert region.group == 0 and region.box == (0, 0, 2, 3) and region.mask.all()
    found = _find(probabilities, GROUPS, InferenceConfig(regions=False))
    assert [r.group for r in found] == [1, 2]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (40, 28)),  # Zoom 4 = 40 / 10; 7 * 4.
        ({"max_zoom": 1.5}, (16, 12)),  # 15 and 10.5 -> 11, rounded up to even.
        ({"max_zoom": 1.5, "merge_window": 1}, (15, 11)),
        ({"zoom": "none"}, (10, 8)),
        ({"zoom": "none", "merge_window": 4}, (12, 8)),
        ({"crop_size": 8}, (10, 8)),  # Never below min_zoom.
        ({"min_zoom": 2.0, "max_zoom": 2.0}, (20, 14)),
        ({"min_zoom": 0.02, "max_zoom": 0.02, "merge_window": 1}, (1, 1)),
    ],
)
def test_zoomed_size(changes, expected):
    config = InferenceConfig(**{"crop_size": 40, **changes})
    assert tuple(lib.zoomed_size(tf.constant([10, 7]), config).numpy()) == expected
