"""Pasting of regions, and the baseline of connected components."""

import numpy as np

from affinity_seg.inference.components import connected_components
from affinity_seg.inference.pasting import paste
from affinity_seg.inference.regions import Region
from affinity_seg.instances import Instances


def _result(ids, classes, scores):
    ids = np.array(ids, np.int32)
    sizes = np.bincount(ids.ravel(), minlength=len(classes) + 1)[1:]
    votes = np.eye(4, dtype=np.int64)[classes] * sizes[:, None]
    boxes = np.zeros((len(classes), 4), np.int32)  # Nobody reads those of regions.
    return Instances(ids, np.int32(classes), np.float32(scores), sizes, boxes, votes)


def test_higher_score_wins_then_the_lower_region():
    whole = np.ones((1, 4), bool)
    regions = [Region(1, (0, 0, 1, 4), whole), Region(2, (0, 2, 1, 6), whole)]
    low, high = _result([[1, 1, 1, 1]], [1], [0.5]), _result([[1, 1, 1, 1]], [2], [0.7])
    pasted = paste(regions, [low, high], 1, 6, 4)
    assert pasted.instance_ids.tolist() == [[1, 1, 2, 2, 2, 2]]
    assert pasted.classes.tolist() == [1, 2] and pasted.sizes.tolist() == [2, 4]
    assert pasted.boxes.tolist() == [[0, 0, 1, 2], [0, 2, 1, 6]]
    assert pasted.votes.tolist() == [[0, 4, 0, 0], [0, 0, 4, 0]]  # Of the region.
    pasted = paste(regions, [low, low], 1, 6, 4)
    assert pasted.instance_ids.tolist() == [[1, 1, 1, 1, 2, 2]]


def test_masks_cut_empty_ones_go_and_numbers_follow_the_image():
    mask = np.array([[True, False], [True, True]])
    regions = [Region(0, (1, 1, 3, 3), mask), Region(0, (0, 0, 2, 2), np.ones((2, 2), bool))]
    first = _result([[1, 2], [1, 3]], [1, 2, 3], [0.2, 0.9, 0.8])
    second = _result([[1, 1], [1, 1]], [2], [0.5])
    pasted = paste(regions, [first, second], 3, 3, 4)
    # Instance 2 of the first region lies outside its mask; 1 loses its upper pixel.
    assert pasted.instance_ids.tolist() == [[1, 1, 0], [1, 1, 0], [0, 2, 3]]
    assert pasted.classes.tolist() == [2, 1, 3]
    np.testing.assert_allclose(pasted.scores, [0.5, 0.2, 0.8])


def test_zoomed_masks_come_back_by_area():
    region = Region(0, (0, 0, 2, 3), np.ones((2, 3), bool))
    ids = np.zeros((4, 6), np.int32)
    ids[2:, 4:] = 1
    ids[0, 0] = 2  # A quarter of the pixel: the instance has none in the image.
    ids[1, 3:5] = 3  # A quarter of two pixels.
    ids[2:, 1] = 4  # Half of a pixel.
    results = [_result(ids, [1, 2, 1, 3], [0.5, 0.6, 0.7, 0.8])]
    pasted = paste([region], results, 2, 3, 4)
    assert pasted.instance_ids.tolist() == [[0, 0, 0], [1, 0, 2]]
    assert pasted.classes.tolist() == [3, 1]


def test_nothing_to_paste():
    pasted = paste([], [], 2, 3, 4)
    assert not pasted.instance_ids.any() and pasted.instance_ids.dtype == np.int32
    assert pasted.boxes.shape == (0, 4) and pasted.votes.shape == (0, 4)


def test_components_are_eight_connected_and_of_one_class():
    classes = np.array([[1, 0, 2, 2], [0, 1, 2, 0], [0, 0, 0, 0], [1, 0, 0, 1]])
    probabilities = np.where(np.eye(3, dtype=bool)[classes], 0.6, 0.2).astype(np.float32)
    found = connected_components(probabilities, min_pixels=1)
    assert found.instance_ids.tolist() == [[1, 0, 2, 2], [0, 1, 2, 0], [0] * 4, [0] * 4]
    assert found.classes.tolist() == [1, 2] and found.sizes.tolist() == [2, 3]
    np.testing.assert_allclose(found.scores, 0.6, rtol=1e-6)
    assert found.votes.tolist() == [[0, 2, 0], [0, 0, 3]]
    assert connected_components(probabilities, min_pixels=9).classes.shape == (0,)
