"""Filters by score and class."""

import numpy as np
import pytest
from scenes import BUS, CAR, PERSON, boxes

from affinity_seg import instances as instances_lib
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.evaluation.results import Prediction
from affinity_seg.pipeline import filters
from affinity_seg.pipeline.filters import InstanceFilter

IDS = boxes(20, 30, (0, 0, 4, 5), (0, 10, 6, 20), (8, 0, 20, 30))
CLASSES, SCORES = [CAR, PERSON, BUS], np.array([0.9, 0.7, 0.3], np.float32)


def _instances():
    votes = np.eye(9, dtype=int)[CLASSES] * 7
    return instances_lib.number(IDS - 1, CLASSES, SCORES, votes).as_numpy()


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        (filters.KEEP_ALL, [0, 1, 2]),
        (InstanceFilter(min_score=0.7), [0, 1]),  # float32(0.7) is a little less than 0.7.
        (InstanceFilter(min_score=0.70001), [0]),
        (InstanceFilter(classes=("bus", "car")), [0, 2]),
        (InstanceFilter(min_score=0.5, classes=("bus", "person")), [1]),
        (InstanceFilter(classes=("train",)), []),
        (filters.KEEP_ALL.at_least(None), [0, 1, 2]),
        (filters.KEEP_ALL.at_least(0.5), [0, 1]),
        (InstanceFilter(min_score=0.8, classes=("car", "bus")).at_least(0.2), [0]),
        (InstanceFilter(min_score=0.2, classes=("person", "bus")).at_least(0.8), []),
    ],
)
def test_instances_and_predictions_are_filtered_alike(keep, kept):
    keep.check(CITYSCAPES)
    given = _instances()
    kept_by_filter = keep.keeps(given.classes, given.scores, CITYSCAPES)
    found = instances_lib.number(
        given.instance_ids - 1, given.classes, given.scores, given.votes, kept=kept_by_filter
    ).as_numpy()
    wanted = np.zeros_like(IDS)
    for number, index in enumerate(kept, start=1):
        wanted[index + 1 == IDS] = number
    np.testing.assert_array_equal(found.instance_ids, wanted)
    assert found.classes.tolist() == [CLASSES[i] for i in kept]
    np.testing.assert_array_equal(found.scores, SCORES[kept])
    np.testing.assert_array_equal(found.sizes, np.array([20, 60, 360])[kept])
    every_box = np.array([[0, 0, 4, 5], [0, 10, 6, 20], [8, 0, 20, 30]])
    np.testing.assert_array_equal(found.boxes, every_box[kept].reshape(-1, 4))
    assert found.votes.shape == (len(kept), 9)
    assert [found.votes[i, c] for i, c in enumerate(found.classes)] == [7] * len(kept)

    predictions = [
        Prediction(i + 1 == IDS, c, float(f"{s:.9g}"))  # as a file of results has it
        for i, (c, s) in enumerate(zip(CLASSES, SCORES, strict=True))
    ]
    selected = keep.select_predictions(predictions, CITYSCAPES)
    assert [p.class_index for p in selected] == [CLASSES[i] for i in kept]


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (InstanceFilter(min_score=float("nan")), "`--min_score` must be a finite number: nan"),
        (InstanceFilter(min_score=float("-inf")), "`--min_score` must be a finite number: -inf"),
        (
            InstanceFilter(classes=("car", "cat", "")),
            r"`--classes` must be foreground .* 'cityscapes', among \('person', .*: 'cat', ''$",
        ),
        (InstanceFilter(classes=("background",)), "must be foreground .*: 'background'$"),
        (InstanceFilter(classes=()), "must be foreground .*: none is given$"),
    ],
)
def test_what_does_not_fit_is_named(keep, message):
    with pytest.raises(ValueError, match=message):
        keep.check(CITYSCAPES)
