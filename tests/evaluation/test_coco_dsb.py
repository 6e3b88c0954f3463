"""COCO AP and the Data Science Bowl's score on cases that can be computed by hand."""

import numpy as np
import pytest
from scenes import CELLS, TABLE, boxes, instances, write_boxes, write_truth

from affinity_seg.data.items import Item
from affinity_seg.evaluation import coco, dsb, metrics, result_writing, truth

SIZE = (60, 100)
LEFT, RIGHT, BELOW = (0, 0, 20, 30), (0, 40, 20, 70), (30, 0, 50, 30)
A, B = 1, 2
PERFECT = pytest.approx(1, abs=1e-12)  # pycocotools adds an epsilon to a denominator


def _truth(folder, name="one", values=(7000, 7001)):
    return write_truth(folder, name, np.array([0, *values])[boxes(*SIZE, LEFT, RIGHT)])


def _judge(tmp_path, item, *predictions, table=TABLE):
    write_boxes(str(tmp_path / "results"), item, table, SIZE, *predictions)
    return coco.evaluate([item], str(tmp_path / "results"), table)


def _judge_by_dsb(tmp_path, item, *predictions):
    write_boxes(str(tmp_path / "results"), item, TABLE, SIZE, *predictions)
    return _dsb_scores([item], str(tmp_path / "results"))


def _dsb_scores(items, folder):
    return metrics.evaluate(items, folder, TABLE)["dsb"]


def test_coco_truth_as_prediction_is_perfect(tmp_path):
    item = _truth(tmp_path, values=(7000, 9000))
    ids = boxes(*SIZE, LEFT, RIGHT)
    result_writing.write_result(str(tmp_path), item.name, instances(ids, [A, B], [0.9, 0.1]), TABLE)
    scores = coco.evaluate([item], str(tmp_path), TABLE)
    for key in ("ap", "ap50", "ap75", "ap_small"):
        assert scores[key] == PERFECT
    assert scores["ap_medium"] is scores["ap_large"] is None
    assert scores["classes"]["a"]["ap"] == PERFECT
    assert scores["classes"]["b"]["ap"] == PERFECT


def test_coco_known_precision_recall(tmp_path, capsys):
    item = _truth(tmp_path)
    # 51 of the 101 recall points are reached, at precision 1 or 1/2.
    first = _judge(tmp_path, item, (A, 0.9, LEFT), (A, 0.8, BELOW))
    assert first["ap"] == pytest.approx(51 / 101)
    second = _judge(tmp_path, item, (A, 0.8, LEFT), (A, 0.9, BELOW))
    assert second["ap"] == pytest.approx(51 / 202)
    assert second["classes"]["b"]["ap"] is None
    assert capsys.readouterr().out == ""


def test_coco_curves_are_the_precision_at_each_recall(tmp_path):
    item = _truth(tmp_path)
    # At IoU 0.50 LEFT is found after a false positive; from 0.70 on it is not.
    scores = _judge(tmp_path, item, (A, 0.8, (0, 0, 20, 20)), (A, 0.9, BELOW))
    curves = scores["precision_recall"]
    assert curves["recall"] == [n / 100 for n in range(101)]
    expected = [0.5] * 51 + [0] * 50
    assert curves["at_iou_50"] == {"a": pytest.approx(expected), "average": pytest.approx(expected)}
    assert curves["over_ious"]["a"] == pytest.approx([0.4 * value for value in expected])
    assert np.mean(curves["over_ious"]["average"]) == pytest.approx(scores["ap"])


def test_coco_known_overlap_and_class(tmp_path):
    item = _truth(tmp_path, values=(7000, 0))
    scores = _judge(tmp_path, item, (A, 0.9, (0, 0, 20, 20)))  # IoU 2/3
    assert (scores["ap"], scores["ap50"], scores["ap75"]) == (pytest.approx(0.4), PERFECT, 0)
    assert _judge(tmp_path, item, (B, 0.9, LEFT))["ap"] == 0
    assert _judge(tmp_path, item)["ap"] == 0


def test_coco_group_is_crowd_for_its_class_only(tmp_path):
    item = _truth(tmp_path, values=(7000, 7))  # RIGHT is a group of a
    found = (A, 0.5, LEFT)
    assert _judge(tmp_path, item, found, (A, 0.9, RIGHT), (A, 0.9, RIGHT))["ap"] == PERFECT
    scores = _judge(tmp_path, item, found, (A, 0.9, BELOW))
    assert scores["ap"] == pytest.approx(0.5)
    values = np.array([0, 7000, 9])[boxes(*SIZE, LEFT, RIGHT)]  # a group of b
    item = write_truth(tmp_path, "two", values)
    assert _judge(tmp_path, item, found, (A, 0.9, RIGHT))["ap"] == pytest.approx(0.5)


def test_coco_void_is_crowd_for_every_class(tmp_path):
    table = TABLE.__class__(
        name="void", class_names=TABLE.class_names, label_ids=(7, 9), void_label_ids=(3,)
    )
    values = np.array([0, 7000, 3, 9000])[boxes(*SIZE, LEFT, RIGHT, BELOW)]
    item = write_truth(tmp_path, "one", values)
    found = (A, 0.5, LEFT), (B, 0.5, BELOW)
    on_void = (A, 0.9, RIGHT), (B, 0.9, RIGHT)
    assert _judge(tmp_path, item, *found, *on_void, table=table)["ap"] == PERFECT


def test_coco_counts_more_than_a_hundred_predictions(tmp_path):
    ids = np.kron(np.arange(1, 151).reshape(10, 15), np.pad(np.ones((3, 3), int), (0, 2)))
    item = write_truth(tmp_path, "cells", ids)
    everything = instances(ids, [1] * 150, np.linspace(0.1, 1, 150))
    result_writing.write_result(str(tmp_path), item.name, everything, CELLS)
    assert coco.evaluate([item], str(tmp_path), CELLS)["ap"] == PERFECT


def test_dsb_known_scores(tmp_path):
    one, empty = _truth(tmp_path), write_truth(tmp_path, "empty", np.zeros(SIZE))
    folder = str(tmp_path / "results")
    # LEFT exactly; RIGHT with IoU 2/3. The class plays no part, nor does the score.
    write_boxes(folder, one, TABLE, SIZE, (B, 0.0, LEFT), (A, 1.0, (0, 40, 20, 60)))
    write_boxes(folder, empty, TABLE, SIZE)
    scores = _dsb_scores([one], folder)["score_per_iou"]
    assert list(scores) == [f"{t / 100:.2f}" for t in range(50, 100, 5)]
    assert [scores[key] for key in ("0.50", "0.65")] == [1, 1]
    assert [scores[key] for key in ("0.70", "0.95")] == pytest.approx([1 / 3, 1 / 3])
    # Mean over images; nothing to find and nothing predicted is right.
    both = _dsb_scores([one, empty], folder)
    assert both["score_per_iou"]["0.90"] == pytest.approx((1 / 3 + 1) / 2)
    assert both["mean_score"] == pytest.approx(((4 + 6 / 3) / 10 + 1) / 2)
    # Nothing to find, something predicted.
    write_boxes(folder, empty, TABLE, SIZE, (A, 0.5, LEFT))
    assert _dsb_scores([empty], folder)["mean_score"] == 0


def test_dsb_overlap_of_exactly_the_threshold_is_no_match(tmp_path):
    item = _truth(tmp_path, values=(7000, 0))
    half = _judge_by_dsb(tmp_path, item, (A, 0.5, (0, 0, 20, 15)))["score_per_iou"]
    assert half["0.50"] == 0
    four_fifths = _judge_by_dsb(tmp_path, item, (A, 0.5, (0, 0, 20, 24)))["score_per_iou"]
    assert (four_fifths["0.75"], four_fifths["0.80"]) == (1, 0)


def test_dsb_matches_one_to_one(tmp_path):
    item = _truth(tmp_path)
    scores = _judge_by_dsb(tmp_path, item, (A, 0.5, LEFT), (A, 0.9, LEFT), (B, 0.9, LEFT))
    assert scores["score_per_iou"]["0.50"] == 1 / 4  # 1 found, 2 duplicates, 1 missed


def test_dsb_matches_as_a_search_over_all_assignments(tmp_path):
    rng = np.random.default_rng(5)
    for round_index in range(20):
        size = (12, 12)
        ids = rng.integers(0, 3, (3, 3)).repeat(4, 0).repeat(4, 1)
        item = write_truth(tmp_path, f"r{round_index}", np.where(ids > 0, 6999 + ids, 0))
        target = truth.read_truth(item, TABLE)
        masks = []
        for _ in range(4):
            mask = (target.instance_ids == rng.integers(1, 3)) ^ (rng.random(size) < 0.15)
            if mask.any():
                masks.append(mask)
        true = [target.instance_ids == i + 1 for i in range(len(target.instance_classes))]
        scores = dsb.score_image(target, masks)
        for threshold, score in zip(dsb.THRESHOLDS, scores, strict=True):
            found = _best_matching(true, masks, threshold)
            assert score == found / (len(true) + len(masks) - found)


def _best_matching(true, masks, percent):
    """Returns the size of the largest one-to-one matching, by trying everything."""
    if not true:
        return 0
    best = _best_matching(true[1:], masks, percent)
    for i, mask in enumerate(masks):
        union = np.count_nonzero(true[0] | mask)
        if 100 * np.count_nonzero(true[0] & mask) > percent * union:
            best = max(best, 1 + _best_matching(true[1:], masks[:i] + masks[i + 1 :], percent))
    return best


def test_dsb_ignores_predictions_on_groups(tmp_path):
    item = _truth(tmp_path, values=(7000, 7))
    scores = _judge_by_dsb(tmp_path, item, (A, 0.5, LEFT), (A, 0.5, RIGHT))
    assert scores["mean_score"] == 1


@pytest.mark.parametrize("judge", [coco, metrics])
def test_images_without_result_are_an_error(judge, tmp_path):
    item = _truth(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"1 of 1 images have no result(.|\n)*one"):
        judge.evaluate([item], str(tmp_path / "results"), TABLE)
    with pytest.raises(ValueError, match="at least one image"):
        judge.evaluate([], str(tmp_path), TABLE)


def test_truth_numbers_instances_and_marks_what_is_ignored(tmp_path):
    values = np.array([[0, 9003, 9003, 7000, 7, 5]])
    item = write_truth(tmp_path, "one", values)
    read = truth.read_truth(item, TABLE)
    np.testing.assert_array_equal(read.instance_ids, [[0, 2, 2, 1, 0, 0]])
    np.testing.assert_array_equal(read.instance_classes, [A, B])
    np.testing.assert_array_equal(read.ignored, [[0, 0, 0, 0, 1, 0]])
    np.testing.assert_array_equal(read.classes, [[0, B, B, A, A, 0]])


def test_truth_that_is_no_instance_image_is_named(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"x.png: not a PNG"):
        truth.read_truth(Item("x", "x.png", "x.png", str(path)), TABLE)
