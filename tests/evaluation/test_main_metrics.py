"""The judges of one folder side by side."""

import json

import numpy as np
import pytest
from scenes import CAR, CELLS, PERSON, boxes, instances, write_boxes, write_truth

from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.evaluation import (
    errors,
    metrics,
    result_writing,
    tables,
)
from affinity_seg.visualization import curves

SIZE = (120, 200)


@pytest.fixture
def crowd(tmp_path):
    """Ten images of 30 true cars and persons of 18x18 pixels and predictions of them.

    They are moved by up to 7 pixels or missing; there are some of nothing, and all scores differ.
    No IoU is a threshold: there the official judge wants more, COCO does not.
    """
    rng = np.random.default_rng(7)
    places = [(20 * y + 1, 20 * x + 1) for y in range(6) for x in range(10)]
    items = []
    for number in range(10):
        values = np.full(SIZE, 7)
        predictions = []
        for index, place in enumerate(rng.permutation(len(places))):
            y, x = places[place]
            class_index = (CAR, PERSON)[index % 2]
            if index < 30:
                label = CITYSCAPES.label_ids[class_index - 1]
                values[y : y + 18, x : x + 18] = 1000 * label + index
            if index < 24 or index >= 54:
                moved = int(rng.choice((0, 1, 3, 4, 5, 7)))
                box = (y, x + moved, y + 18, min(x + moved + 18, SIZE[1]))
                predictions.append((class_index, rng.random() + 0.5 * (index < 24), box))
        item = write_truth(tmp_path, f"aachen_{number:06d}_000019", values)
        write_boxes(str(tmp_path / "results"), item, CITYSCAPES, SIZE, *predictions)
        items.append(item)
    return items, str(tmp_path / "results")


def test_official_judge_and_coco_agree_where_nothing_is_small_or_ignored(crowd, capsys):
    scores = metrics.evaluate(*crowd, CITYSCAPES)
    assert 0.2 < scores["ap"] < scores["ap50"] < 0.9
    for ours, coco in (
        (scores, scores["coco"]),
        *((scores["classes"][n], scores["coco"]["classes"][n]) for n in ("car", "person")),
    ):
        assert ours["ap"] == pytest.approx(coco["ap"], abs=0.02)
        assert ours["ap50"] == pytest.approx(coco["ap50"], abs=0.02)
    assert scores["coco"]["classes"]["bus"]["ap"] is None
    printed = capsys.readouterr().out
    assert printed.index("AP_50%") < printed.index("AP medium")


@pytest.mark.parametrize("name", ["ap", "dsb"])
def test_instances_in_memory_have_the_score_of_their_result_files(tmp_path, name):
    rng = np.random.default_rng(3)
    table = CITYSCAPES if name == "ap" else CELLS
    judge, results_dir = metrics.Judge(table, name), str(tmp_path / "results")
    items, judged = [], {}
    for number in range(3):
        ids = boxes(*SIZE, *((20 * y, 20 * x, 20 * y + 15, 20 * x + 18) for y, x in PLACES))
        stored = 26000 + ids if name == "ap" else ids
        item = write_truth(tmp_path, f"aachen_{number:06d}_000019", np.where(ids, stored, 0))
        found = instances(
            np.roll(ids, number, axis=1), [CAR if name == "ap" else 1] * 6, rng.random(6)
        )
        result_writing.write_result(results_dir, item.name, found, table)
        items.append(item)
        judged[item.name] = judge.match(
            judge.read_target(item), result_writing.predictions_of(found)
        )
    score = judge.score(judged)
    assert 0.5 < score < 1
    scores = metrics.evaluate(items, results_dir, table)
    assert score == (scores["ap"] if name == "ap" else scores["dsb"]["mean_score"])
    assert metrics.Judge(table).name == name


PLACES = [(0, 0), (0, 3), (2, 1), (3, 5), (4, 8), (5, 2)]
BOX, OTHER = (0, 0, 60, 60), (60, 100, 120, 200)


@pytest.mark.parametrize(
    "second",
    [
        (CAR, 0.5, BOX),  # Counted as false, but after all is found.
        (PERSON, 0.5, BOX),  # Another class for the same mask, as `vote_min_ratio` lists it.
    ],
)
def test_equal_masks_in_files_of_their_own_are_two_predictions_for_both_judges(tmp_path, second):
    values = np.full(SIZE, 7)
    values[:60, :60], values[60:, 100:] = 26000, 24000
    item = write_truth(tmp_path, "aachen_000000_000019", values)
    found = (CAR, 0.9, BOX), second, (PERSON, 0.8, OTHER)
    write_boxes(str(tmp_path), item, CITYSCAPES, SIZE, *found)
    scores = metrics.evaluate([item], str(tmp_path), CITYSCAPES)
    assert scores["ap"] == 1
    assert scores["coco"]["ap"] == pytest.approx(1, abs=1e-12)
    judged = metrics.match_image(item, str(tmp_path), CITYSCAPES)
    assert sum(map(len, judged["prediction"].values())) == 3


def test_json_has_every_tenth_point_of_the_curves(crowd):
    scores = metrics.evaluate(*crowd, CITYSCAPES, baseline_dir=crowd[1])
    full = scores["coco"]["precision_recall"]
    assert len(full["recall"]) == 101
    for short in (metrics.for_json(scores)["coco"], metrics.for_json(scores)["baseline"]["coco"]):
        curves = short["precision_recall"]
        assert curves["recall"] == [n / 10 for n in range(11)]
        for kind in ("at_iou_50", "over_ious"):
            assert set(curves[kind]) == {"car", "person", "average"}
            assert curves[kind]["car"] == full[kind]["car"][::10]
    assert len(scores["coco"]["precision_recall"]["recall"]) == 101


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("predicted", [True, False], ids=["predicted", "nothing predicted"])
@pytest.mark.parametrize(
    ("table", "value", "ap"),
    [
        (CITYSCAPES, 26000, 1.0),
        (CITYSCAPES, 24000, 0.0),  # Of a class that is not predicted.
        (CITYSCAPES, 26, None),
        (CITYSCAPES, 0, None),
        (CITYSCAPES, 7, None),
        (CELLS, 1, 1.0),
        (CELLS, 0, None),
    ],
)
def test_what_is_not_there_makes_no_warning(tmp_path, table, value, ap, predicted, capsys):
    values = np.full(SIZE, 0 if table is CELLS else 7)
    values[BOX[0] : BOX[2], BOX[1] : BOX[3]] = value
    items = []
    for index in range(2):
        items.append(write_truth(tmp_path, f"aachen_{index:06}_000019", values))
        found = [(1 if table is CELLS else CAR, 0.9, BOX)] if predicted else []
        write_boxes(str(tmp_path), items[-1], table, SIZE, *found)
    scores = metrics.evaluate(items, str(tmp_path), table, baseline_dir=str(tmp_path))
    wanted = ap if predicted or ap is None else 0
    assert scores["ap"] == (None if ap is None else pytest.approx(wanted, abs=1e-12))
    judged = {item.name: metrics.match_image(item, str(tmp_path), table) for item in items}
    assert metrics.scores_of(judged, table) == metrics.main_scores(items, str(tmp_path), table)
    summary = errors.summary(metrics.find_errors(items, str(tmp_path), table), table)
    assert summary["num_true"] == (0 if ap is None else 2)
    assert tables.error_tables(summary) and tables.main_table(scores)
    json.dumps(metrics.for_json(scores), allow_nan=False)
    assert curves.draw_precision_recall(metrics.coco_scores(scores)["precision_recall"]).any()
    assert "average" in capsys.readouterr().out
