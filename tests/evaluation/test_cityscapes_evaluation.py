"""The official judge: known numbers, and no traces of one run in the next or on disk."""

import copy
import dataclasses
import json
import os

import cv2
import numpy as np
import pytest
from cityscapesscripts.evaluation import evalInstanceLevelSemanticLabeling as official  # noqa: N813
from scenes import BICYCLE, BUS, CAR, TABLE, boxes, instances, write_boxes, write_truth

from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.evaluation import cityscapes, result_writing, results

SIZE = (60, 100)
LEFT, RIGHT, BELOW = (0, 0, 20, 30), (0, 40, 20, 70), (30, 0, 50, 30)


def _truth(folder, name="aachen_000000_000019", values=(26000, 26001)):
    """Returns an item with cars LEFT and RIGHT, or other values there."""
    return write_truth(folder, name, np.array([7, *values])[boxes(*SIZE, LEFT, RIGHT)])


def _judge(tmp_path, item, *predictions):
    write_boxes(str(tmp_path / "results"), item, CITYSCAPES, SIZE, *predictions)
    return cityscapes.evaluate([item], str(tmp_path / "results"), CITYSCAPES)


def test_truth_as_prediction_is_perfect(tmp_path, capsys):
    item = _truth(tmp_path, values=(26000, 28000))
    ids = boxes(*SIZE, LEFT, RIGHT)
    result_writing.write_result(
        str(tmp_path / "r"), item.name, instances(ids, [CAR, BUS], [0.9, 0.1]), CITYSCAPES
    )
    scores = cityscapes.evaluate([item], str(tmp_path / "r"), CITYSCAPES)
    assert scores["ap"] == scores["ap50"] == 1
    assert scores["classes"]["car"]["ap"] == scores["classes"]["bus"]["ap50"] == 1
    assert scores["classes"]["train"] == {
        "ap": None,
        "ap50": None,
        "ap_per_iou": {f"{iou / 100:.2f}": None for iou in range(50, 100, 5)},
    }
    printed = capsys.readouterr().out
    assert "average        :          1.000          1.000" in printed
    assert "train          :            nan            nan" in printed


def test_known_precision_recall(tmp_path):
    item = _truth(tmp_path)
    # Half of the cars found, before a false positive: precision 1 up to recall 1/2.
    assert _judge(tmp_path, item, (CAR, 0.9, LEFT), (CAR, 0.8, BELOW))["ap"] == 0.5
    # After it: the official integration gives 1/2 * 1/4.
    assert _judge(tmp_path, item, (CAR, 0.8, LEFT), (CAR, 0.9, BELOW))["ap"] == 0.125
    # Right place, wrong class.
    assert _judge(tmp_path, item, (BUS, 0.9, LEFT))["ap"] == 0


def test_known_overlap(tmp_path):
    item = _truth(tmp_path, values=(26000, 7))
    scores = _judge(tmp_path, item, (CAR, 0.9, (0, 0, 20, 20)))  # IoU 2/3
    assert scores["ap"] == pytest.approx(0.4)
    assert scores["ap50"] == 1
    assert [iou for iou, ap in scores["classes"]["car"]["ap_per_iou"].items() if ap == 1] == [
        "0.50",
        "0.55",
        "0.60",
        "0.65",
    ]


def test_predictions_on_groups_and_void_do_not_count(tmp_path):
    item = _truth(tmp_path, values=(26000, 26))
    found = (CAR, 0.5, LEFT)
    assert _judge(tmp_path, item, found, (CAR, 0.9, RIGHT))["ap"] == 1
    assert _judge(tmp_path, item, found, (CAR, 0.9, BELOW))["ap"] < 1


SMALL, GROUP = (30, 40, 38, 50), (20, 70, 60, 100)


@pytest.mark.parametrize(
    ("rest", "box"),
    [
        (33, (22, 72, 58, 98)),  # IoU 0.78 with the group: matched below, ignored above.
        (33, (20, 70, 40, 80)),
        (0, (20, 70, 40, 80)),
        (33001, SMALL),
        (33001, (28, 40, 38, 50)),  # Ignored up to a share of 0.8, then false.
        (29001, (20, 70, 40, 80)),  # A caravan is void.
    ],
)
def test_a_class_of_whose_predictions_none_counts_has_ap_0(tmp_path, rest, box):
    values = np.array([7, 26000, 33000, rest])
    item = write_truth(
        tmp_path,
        "aachen_000000_000019",
        values[boxes(*SIZE, LEFT, BELOW, SMALL if rest == 33001 else GROUP)],
    )
    scores = _judge(tmp_path, item, (CAR, 0.9, LEFT), (BICYCLE, 0.8, box))
    assert scores["classes"]["bicycle"]["ap"] == scores["classes"]["bicycle"]["ap50"] == 0
    assert set(scores["classes"]["bicycle"]["ap_per_iou"].values()) == {0}
    assert scores["classes"]["car"]["ap"] == scores["classes"]["car"]["ap50"] == 1
    assert scores["ap"] == scores["ap50"] == 0.5
    judged = cityscapes.match_image(item, str(tmp_path / "results"), CITYSCAPES)
    sent = {item.name: json.loads(json.dumps(judged))}
    assert cityscapes.scores_of(sent, CITYSCAPES) == scores


def _official(items, results_dir):
    """Returns AP by class and threshold, each by the official code, and how often it broke off."""
    parameters = copy.deepcopy(official.args)
    parameters.predictionPath, parameters.quiet = results_dir, True
    official.setInstanceLabels(parameters)
    truths = [item.truth_path for item in items]
    found = [results.result_path(results_dir, item.name) for item in items]
    instances = official.instances2dict(truths, False)
    matches = official.matchGtWithPreds(found, truths, instances, parameters)
    scores, failures = {}, 0
    for name in list(parameters.instLabels):
        for overlap in np.arange(0.5, 1, 0.05):
            parameters.instLabels, parameters.overlaps = [name], np.array([overlap])
            try:
                ap = float(official.evaluateMatches(matches, parameters)[0, 0, 0])
            except IndexError:
                ap, failures = 0.0, failures + 1
            scores[name, f"{overlap:.2f}"] = None if np.isnan(ap) else ap
    return scores, failures


def test_the_numbers_are_the_official_ones_wherever_the_official_code_gives_any(tmp_path):
    rng = np.random.default_rng(3)
    counts = []
    for scene in range(12):
        folder = tmp_path / str(scene)
        folder.mkdir()
        items = []
        for image in range(2):
            values, predictions = np.full(SIZE, 7), []
            for index in range(6):
                y, x = 20 * (index // 3), 33 * (index % 3)
                kind = int(rng.choice((CAR, BICYCLE)))
                label = CITYSCAPES.label_ids[kind - 1]
                width = 24 if scene % 2 else int(rng.choice((4, 12, 24)))
                value = int(rng.choice((0, label, 1000 * label + index)))
                values[y : y + 18, x : x + width] = value
                # In every other scene nothing is found, and much is ignored.
                if rng.random() < 0.7 and (scene % 2 or value < 1000):
                    shift, wide = rng.integers(0, (5, 5) if scene % 2 else (2, 4)).tolist()
                    box = (y, x + shift, y + 18, x + shift + width + wide)
                    predictions.append((kind, rng.integers(1, 5) / 4, box))
            items.append(write_truth(folder, f"aachen_{image:06}_000019", values))
            write_boxes(str(folder), items[-1], CITYSCAPES, SIZE, *predictions)
        wanted, failures = _official(items, str(folder))
        scores = cityscapes.evaluate(items, str(folder), CITYSCAPES)
        assert wanted == {
            (name, overlap): ap
            for name, entry in scores["classes"].items()
            for overlap, ap in entry["ap_per_iou"].items()
        }
        known = [ap for ap in wanted.values() if ap is not None]
        assert scores["ap"] == (pytest.approx(np.mean(known)) if known else None)
        counts.append((failures, sum(0 < ap < 1 for ap in known)))
    assert sum(failures > 0 for failures, _ in counts) > 2
    assert sum(between > 0 for _, between in counts) > 4


def test_runs_leave_no_trace(tmp_path, monkeypatch):
    working = tmp_path / "cwd"
    working.mkdir()
    monkeypatch.chdir(working)
    package = os.path.dirname(official.__file__)
    before = sorted(os.listdir(package)), copy.deepcopy(vars(official.args))
    item = _truth(tmp_path)
    both = (CAR, 0.9, LEFT), (CAR, 0.8, RIGHT)
    assert _judge(tmp_path, item, *both)["ap"] == 1
    # The same file name with another truth: nothing may be cached.
    _truth(tmp_path, values=(28000, 28001))
    assert _judge(tmp_path, item, *both)["ap"] == 0
    _truth(tmp_path)
    assert _judge(tmp_path, item, *both)["ap"] == 1
    assert os.listdir(working) == []
    assert os.getcwd() == str(working)
    assert sorted(os.listdir(package)) == before[0]
    assert str(vars(official.args)) == str(before[1])


def test_relative_paths_work(tmp_path, monkeypatch):
    item = _truth(tmp_path, values=(26000, 7))
    _judge(tmp_path, item, (CAR, 0.9, LEFT))
    monkeypatch.chdir(tmp_path)
    item = item._replace(truth_path=os.path.basename(item.truth_path))
    assert cityscapes.evaluate([item], "results", CITYSCAPES)["ap"] == 1


def test_all_images_without_result_are_listed(tmp_path):
    items = [_truth(tmp_path, f"aachen_00000{i}_000019") for i in range(3)]
    write_boxes(str(tmp_path), items[1], CITYSCAPES, SIZE)
    with pytest.raises(FileNotFoundError) as error:
        cityscapes.evaluate(items, str(tmp_path), CITYSCAPES)
    assert "2 of 3 images have no result" in str(error.value)
    assert items[0].name in str(error.value) and items[2].name in str(error.value)
    assert items[1].name not in str(error.value)


def test_wrong_files_are_refused_before_judging(tmp_path, capsys):
    item = _truth(tmp_path)
    write_boxes(str(tmp_path), item, CITYSCAPES, (60, 99), (CAR, 0.9, LEFT))
    with pytest.raises(ValueError, match=r"_0000.png: the mask must be 60x100 .*Ids.png: 60x99"):
        cityscapes.evaluate([item], str(tmp_path), CITYSCAPES)
    mask = tmp_path / "masks" / f"{item.name}_0000.png"
    mask.write_bytes(cv2.imencode(".png", np.zeros(SIZE, np.uint8))[1].tobytes())
    with pytest.raises(ValueError, match=r"_0000.png: the mask must not be empty"):
        cityscapes.evaluate([item], str(tmp_path), CITYSCAPES)
    mask.write_bytes(mask.read_bytes()[:40])
    with pytest.raises(ValueError, match=r"_0000.png: the file is damaged or cut off"):
        cityscapes.evaluate([item], str(tmp_path), CITYSCAPES)
    with open(results.result_path(str(tmp_path), item.name), "w", encoding="utf-8") as file:
        file.write(f"masks/{item.name}_0000.png 3 0.9\n")  # a class index, no label id
    with pytest.raises(ValueError, match=r"_pred.txt:1: the label id must be one of .*: 3"):
        cityscapes.evaluate([item], str(tmp_path), CITYSCAPES)
    other_void = dataclasses.replace(CITYSCAPES, void_label_ids=(0, 7))
    with pytest.raises(ValueError, match=r"'cityscapes': .* ignores the label ids .*: \(0, 7\)$"):
        cityscapes.evaluate([item], str(tmp_path), other_void)
    with pytest.raises(ValueError, match="'shapes': the Cityscapes evaluation needs the classes"):
        cityscapes.evaluate([item], str(tmp_path), TABLE)
    with pytest.raises(ValueError, match="at least one image"):
        cityscapes.evaluate([], str(tmp_path), CITYSCAPES)
    assert "average" not in capsys.readouterr().out
