"""Kinds of error, on scenes whose numbers can be worked out by hand."""

import numpy as np
import pytest
from scenes import TABLE, boxes, write_boxes, write_truth

from affinity_seg import labels
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.evaluation import errors, matching, metrics
from affinity_seg.evaluation.results import Prediction
from affinity_seg.evaluation.truth import Truth, read_truth

SIZE = (60, 100)
A, B = 1, 2
LEFT, RIGHT, BELOW = (0, 0, 20, 30), (0, 40, 20, 70), (30, 0, 50, 30)


def _truth(*where, classes=None, void=(), group=()):
    """Returns a truth of boxes, all of class A if not said otherwise, with void and groups of A."""
    ids = boxes(*SIZE, *where)
    instance_classes = np.array(classes or [A] * len(where), np.int32)
    pixels = np.concatenate([[0], instance_classes])[ids]
    ignored = np.zeros(SIZE, bool)
    for regions, value in ((void, labels.VOID_CLASS), (group, A)):
        for y0, x0, y1, x1 in regions:
            pixels[y0:y1, x0:x1] = value
            ignored[y0:y1, x0:x1] = True
    return Truth(pixels, ids, instance_classes, ignored)


def _prediction(box, class_index=A, score=0.5):
    return Prediction(boxes(*SIZE, box) > 0, class_index, score)


def _judge(target, *predictions, min_pixels=1):
    return errors.match_image("one", target, predictions, TABLE, min_pixels)


def _kinds(judged):
    return [error.kind for error in judged.errors]


def test_everything_right_has_no_error():
    judged = _judge(_truth(LEFT, RIGHT), _prediction(RIGHT), _prediction((0, 0, 20, 20)))
    assert judged.errors == []
    assert (judged.num_true, judged.num_predicted, judged.share) == (2, 2, 0)
    assert judged.votes.tolist() == [[0, 0, 0], [0, 2, 0], [0, 0, 0]]


def test_missed_and_false_positive():
    # 30 of 600 pixels of LEFT: IoU 30 / 1170 is below a tenth.
    judged = _judge(_truth(LEFT, RIGHT), _prediction((19, 0, 39, 30)), _prediction(RIGHT))
    assert judged.errors == [
        errors.InstanceError("missed", (0,), (), 30 / 1170, 600),
        errors.InstanceError("false positive", (), (0,), 30 / 1170, 600),
    ]
    assert judged.votes.tolist() == [[0, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert judged.share == 1200 / 6000


def test_poor_mask_from_a_tenth_to_a_half():
    found = {}
    for width in (2, 3, 14, 15):  # of 30
        judged = _judge(_truth(LEFT), _prediction((0, 0, 20, width)))
        found[width] = _kinds(judged)
    assert found == {
        2: ["missed", "false positive"],
        3: ["poor mask"],
        14: ["poor mask"],
        15: [],
    }


def test_wrong_class_keeps_both_classes():
    judged = _judge(_truth(LEFT), _prediction((0, 0, 20, 27), B))
    assert judged.errors == [errors.InstanceError("wrong class", (0,), (0,), 0.9, 600)]
    assert judged.votes[A, B] == 1 and judged.votes.sum() == 1


def test_right_class_is_matched_before_higher_iou_and_the_other_is_a_duplicate():
    judged = _judge(_truth(LEFT), _prediction(LEFT, B, 0.9), _prediction((0, 0, 20, 20), A, 0.1))
    assert judged.votes.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert judged.errors == [errors.InstanceError("false positive", (), (0,), 1, 600)]


def test_merged_whatever_is_matched():
    both = (0, 0, 20, 70)  # 1400 pixels, 600 of each: IoU 3/7
    judged = _judge(_truth(LEFT, RIGHT), _prediction(both))
    assert judged.errors == [errors.InstanceError("merged", (0, 1), (0,), 600 / 1400, 1200)]
    # A small one swallowed by the match of a large one: only the small one is lost.
    judged = _judge(_truth(LEFT, (0, 40, 10, 50)), _prediction((0, 0, 20, 45)))
    assert _kinds(judged) == ["missed"]  # exactly half is not more than half
    judged = _judge(_truth(LEFT, (0, 40, 10, 50)), _prediction((0, 0, 20, 46)))
    assert judged.errors == [errors.InstanceError("merged", (0, 1), (0,), 600 / 920, 100)]


def test_split_into_pieces():
    thirds = [(0, x, 20, x + 10) for x in (0, 10, 20)]
    judged = _judge(_truth(LEFT), *map(_prediction, thirds))
    assert judged.errors == [errors.InstanceError("split", (0,), (0, 1, 2), 1 / 3, 600)]
    assert judged.votes.tolist() == [[0, 3, 0], [1, 0, 0], [0, 0, 0]]
    # Half of it in two pieces is not more than half: the better piece is a poor mask.
    judged = _judge(_truth(LEFT), _prediction((0, 0, 20, 8)), _prediction((0, 8, 20, 15)))
    assert _kinds(judged) == ["poor mask", "false positive"]
    assert judged.errors[0].predicted == (0,)
    # A crumb of less than a tenth is no piece.
    judged = _judge(_truth(LEFT), _prediction((0, 0, 20, 14)), _prediction((0, 14, 20, 16)))
    assert _kinds(judged) == ["poor mask", "false positive"]


def test_pieces_lie_on_what_is_split():
    # Each holds 240 pixels of LEFT, 40%, but 480 others.
    tall = _prediction((0, 0, 60, 12)), _prediction((0, 12, 60, 24))
    assert sorted(_kinds(_judge(_truth(LEFT), *tall))) == ["false positive", "poor mask"]


def test_pieces_count_what_no_better_piece_holds():
    wide, narrow = (0, 0, 20, 14), (0, 10, 20, 16)
    target = _truth(LEFT)
    judged = _judge(target, _prediction(wide, A, 0.9), _prediction(narrow, A, 0.1))
    assert _kinds(judged) == ["poor mask", "false positive"]
    judged = _judge(target, _prediction(wide, A, 0.1), _prediction(narrow, A, 0.9))
    assert judged.errors == [errors.InstanceError("split", (0,), (1, 0), 14 / 30, 600)]


def test_the_match_of_another_is_no_poor_mask():
    judged = _judge(_truth(LEFT, RIGHT), _prediction((0, 0, 20, 50)))
    assert judged.errors == [errors.InstanceError("missed", (1,), (), 200 / 1400, 600)]


def test_higher_score_is_matched_first():
    judged = _judge(_truth(LEFT), _prediction(LEFT, A, 0.2), _prediction(LEFT, A, 0.9))
    assert judged.errors == [errors.InstanceError("false positive", (), (0,), 1, 600)]


def test_the_same_mask_twice_is_no_split():
    # 60% of LEFT, IoU 360 / 900: two classes of one mask, as `vote_min_ratio` gives.
    twice = (2, 0, 32, 20)
    judged = _judge(_truth(LEFT), _prediction(twice, A, 0.9), _prediction(twice, B, 0.4))
    assert sorted(_kinds(judged)) == ["false positive", "poor mask"]


def test_ignored_regions_excuse_as_the_judges_say():
    on_void, on_group = _prediction(RIGHT), _prediction(BELOW)
    target = _truth(LEFT, void=[RIGHT], group=[BELOW])
    judged = _judge(target, on_void, on_group)
    assert _kinds(judged) == ["missed"]
    assert judged.num_predicted == 0
    # A group excuses predictions of its class only.
    judged = _judge(target, _prediction(RIGHT, B), _prediction(BELOW, B))
    assert _kinds(judged) == ["missed", "false positive"]
    assert judged.votes[0].tolist() == [0, 0, 1]
    # Half on void is not more than half.
    half = _truth(LEFT, void=[(0, 40, 20, 55)])
    assert _kinds(_judge(half, _prediction(RIGHT))) == ["missed", "false positive"]


def test_small_true_instances_neither_count_nor_blame():
    target = _truth(LEFT, (30, 0, 39, 11))  # 99 pixels
    hit = _prediction((30, 0, 39, 11))
    judged = _judge(target, _prediction(LEFT), hit, min_pixels=100)
    assert (judged.errors, judged.num_true, judged.num_predicted) == ([], 1, 1)
    assert _judge(target, _prediction(LEFT), min_pixels=99).num_true == 2


def test_no_instance_at_all():
    judged = _judge(_truth())
    assert (judged.errors, judged.votes.sum(), judged.share) == ([], 0, 0)
    assert _kinds(_judge(_truth(), _prediction(LEFT))) == ["false positive"]
    assert _kinds(_judge(_truth(LEFT))) == ["missed"]


def test_every_instance_has_its_place():
    rng = np.random.default_rng(3)
    for _ in range(50):
        target = _truth(*_random_boxes(rng, 6), classes=[A, B] * 3)
        target = _without_empty(target)
        predictions = [_prediction(box, int(rng.integers(1, 3))) for box in _random_boxes(rng, 6)]
        matched = matching.match(target, predictions)
        judged = _judge(target, *predictions)
        in_errors = {i for e in judged.errors for i in e.true}
        blamed = {i for e in judged.errors for i in e.predicted}
        for true, found in enumerate(matched.match_of_true):
            assert found >= 0 or true in in_errors
        for index, found in enumerate(matched.match_of_predicted):
            assert found >= 0 or index in blamed
        assert judged.votes[1:].sum() == len(target.instance_classes)
        assert judged.votes[:, 1:].sum() == len(predictions)


def _random_boxes(rng, count):
    corners = rng.integers(0, (40, 70), (count, 2))
    sides = rng.integers(5, (20, 30), (count, 2))
    return [tuple(int(v) for v in (*c, *(c + s))) for c, s in zip(corners, sides, strict=True)]


def _without_empty(target):
    """Returns the truth without instances that later boxes cover."""
    left = np.unique(target.instance_ids[target.instance_ids > 0])
    ids = np.searchsorted(left, target.instance_ids) + 1
    ids[target.instance_ids == 0] = 0
    classes = target.instance_classes[left - 1]
    return target._replace(instance_ids=ids, instance_classes=classes)


def test_summary_adds_images_up():
    images = [
        _judge(_truth(LEFT), _prediction(LEFT, B)),
        _judge(_truth(LEFT, RIGHT), _prediction(LEFT), _prediction(BELOW, B)),
    ]
    summary = errors.summary(images, TABLE)
    assert (summary["num_true"], summary["num_predicted"], summary["num_found"]) == (3, 3, 1)
    assert summary["kinds"] == {
        "missed": 1,
        "merged": 0,
        "split": 0,
        "poor mask": 0,
        "wrong class": 1,
        "false positive": 1,
    }
    assert summary["votes"] == {
        "a": {"a": 1, "b": 1, "missed": 1},
        "b": {"a": 0, "b": 0, "missed": 0},
        "nothing there": {"a": 0, "b": 1, "missed": 0},
    }


@pytest.mark.parametrize(("table", "counted"), [(CITYSCAPES, 1), (TABLE, 2)])
def test_judge_counts_what_its_table_counts(tmp_path, table, counted):
    label = table.label_ids[0] * 1000
    values = np.array([0, label, label + 1])[boxes(*SIZE, LEFT, (30, 0, 39, 11))]
    item = write_truth(tmp_path, "aachen_000000_000019", values)
    write_boxes(str(tmp_path / "r"), item, table, SIZE, (1, 0.5, LEFT))
    (judged,) = metrics.find_errors([item], str(tmp_path / "r"), table)
    assert judged.num_true == counted
    assert len(read_truth(item, table).instance_classes) == 2
