"""Confusion of semantic classes: pixels counted by hand, and the program on records."""

import json
import os

import cv2
import numpy as np
import pytest
from running import run_program

from affinity_seg import files, labels
from affinity_seg.evaluation import semantic
from affinity_seg.evaluation.truth import Truth
from affinity_seg.pipeline import records
from affinity_seg.pipeline.predictions import ImagePrediction

TABLE = labels.ClassTable(
    name="shapes",
    class_names=("background", "a", "b", "c"),
    label_ids=(7, 9, 11),
    void_label_ids=(3,),
)


def _truth(classes):
    classes = np.array(classes, np.int32)
    nothing = np.zeros_like(classes)
    return Truth(classes, nothing, np.zeros(0, np.int32), nothing > 0)


def test_counts_by_hand_without_void():
    target = _truth([[0, 0, 1, 1], [1, 1, 2, 255]])
    predicted = np.array([[0, 1, 1, 1], [2, 0, 2, 2]])
    pixels = semantic.count_pixels(target, predicted, 4)
    assert pixels.tolist() == [[1, 1, 0, 0], [1, 2, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    summary = semantic.summary(pixels, TABLE)
    assert summary["shares"]["a"] == {"background": 0.25, "a": 0.5, "b": 0.25, "c": 0}
    assert summary["shares"]["c"] == dict.fromkeys(TABLE.class_names)
    assert summary["iou"] == {"background": 1 / 3, "a": 2 / 5, "b": 1 / 2, "c": None}
    assert summary["mean_iou"] == pytest.approx((1 / 3 + 2 / 5 + 1 / 2) / 3)
    assert json.loads(json.dumps(summary))["pixels"]["a"]["b"] == 1


def test_pairs_are_symmetric_shares_most_confused_first():
    pixels = np.array([[9, 0, 0, 0], [0, 90, 0, 10], [0, 0, 10, 0], [0, 4, 3, 3]])
    pairs = semantic.summary(pixels, TABLE)["pairs"]
    assert [pair["classes"] for pair in pairs] == [["a", "c"], ["b", "c"], ["a", "b"]]
    assert [pair["share"] for pair in pairs] == pytest.approx([0.25, 0.15, 0])
    # Only one of the two occurs; neither does.
    one = semantic.summary(np.diag([1, 4, 0, 0]) + np.eye(4, k=1, dtype=int)[[3, 1, 3, 3]], TABLE)
    assert one["pairs"][0] == {"classes": ["a", "b"], "share": 0.2}
    assert one["pairs"][-1] == {"classes": ["b", "c"], "share": None}


def test_sizes_must_agree():
    with pytest.raises(ValueError, match=r"as large as the truth, \(1, 2\): \(2, 1\)"):
        semantic.count_pixels(_truth([[0, 0]]), np.zeros((2, 1), int), 4)


@pytest.fixture
def folder(tmp_path):
    """Two images of 8x8: the left half is a, a quarter of it taken for b; a void corner."""
    for name in ("one", "two"):
        image = np.full((8, 8, 3), 50, np.uint8)
        values = np.zeros((8, 8), np.uint16)
        values[:, :4] = 7000
        values[7, 7] = 3
        classes = np.where(values == 7000, 1, 0)
        classes[:2, :4] = 2
        classes[7, 7] = 3
        for kind, content in (("images", image), ("instances", values)):
            os.makedirs(tmp_path / "data" / kind, exist_ok=True)
            cv2.imwrite(str(tmp_path / "data" / kind / f"{name}.png"), content)
        logits = (8 * np.eye(4)[classes]).astype(np.float16)[None]
        digest = files.sha256(str(tmp_path / "data/images" / f"{name}.png"))
        prediction = ImagePrediction(8, 8, 1, 1, (1,), logits, [])
        record = records.Record(name, f"{name}.png", digest, {}, TABLE, prediction)
        records.write_record(records.record_path(str(tmp_path / "pred"), name), record)
    (tmp_path / "table.yaml").write_text(
        "name: shapes\nclass_names: [background, a, b, c]\nlabel_ids: [7, 9, 11]\n"
        "void_label_ids: [3]\n"
    )
    return tmp_path


def _run(folder, *arguments):
    return run_program(
        "-m checks.confusion_matrix",
        folder,
        "--predictions_dir=pred",
        "--input=data",
        "--layout=folder",
        "--class_table=table.yaml",
        *arguments,
    )


def test_tool_prints_matrix_iou_and_pairs(folder):
    run = _run(folder, "--output_json=out/confusion.json")
    assert run.returncode == 0, run.stderr
    rows = [line.split() for line in run.stdout.splitlines()]
    assert ["background", "1.000", "0.000", "0.000", "0.000", "1.000"] in rows
    assert ["a", "0.000", "0.750", "0.250", "0.000", "0.750"] in rows
    assert ["mean", "0.583"] in rows  # (1 + 0.75 + 0) / 3
    assert ["a", "-", "b", "0.250"] in rows
    assert not any(row[:3] == ["b", "-", "c"] for row in rows)
    with open(folder / "out" / "confusion.json", encoding="utf-8") as file:
        summary = json.load(file)
    assert summary["pixels"]["a"] == {"background": 0, "a": 48, "b": 16, "c": 0}
    assert summary["pairs"][0] == {"classes": ["a", "b"], "share": 0.25}


def test_tool_names_what_does_not_fit(folder):
    cv2.imwrite(str(folder / "data/images/two.png"), np.full((8, 8, 3), 51, np.uint8))
    run = _run(folder)
    assert run.returncode != 0
    assert "pred/two.tfrecord: the prediction is not of the image data/images/two" in run.stderr
    assert "Traceback" not in run.stderr
    run = _run(folder, "--class_table=cityscapes")
    assert "the classes must be those of class table 'cityscapes'" in run.stderr
    truth = folder / "data/instances/one.png"
    content = truth.read_bytes()
    truth.write_bytes(content[:-20])
    assert "data/instances/one.png: the file is damaged or cut off" in _run(folder).stderr
    cv2.imwrite(str(truth), np.full((8, 9), 7000, np.uint16))
    assert "one.png: must have the size of its image, 8x8: 8x9" in _run(folder).stderr
    truth.write_bytes(content)
    os.remove(folder / "pred" / "one.tfrecord")
    assert "the prediction record does not exist: pred/one.tfrecord" in _run(folder).stderr
