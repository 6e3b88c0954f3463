"""The page of `affinity_seg report` as a user runs it, and its page as a browser shows it."""

import os
import re

import browser
import cv2
import numpy as np
import pytest
from running import run_verb

from affinity_seg import files
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.data import listing
from affinity_seg.evaluation import metrics, result_writing
from affinity_seg.evaluation.tables import cell
from affinity_seg.instances import Instances
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline import fingerprint, records
from affinity_seg.pipeline.predictions import ImagePrediction
from affinity_seg.visualization import failures, report, report_page

H, W, STRIDE = 64, 96, 4
PERSON, CAR, BUS = 1, 3, 5
LEFT, RIGHT, BELOW = (8, 8, 32, 48), (8, 48, 32, 88), (40, 8, 60, 40)
MERGED = 'merged<i>&"'  # a name that must be escaped
CELLS = ClassTable(name="cells", class_names=("background", "cell"), label_ids=(1,), encoding="ids")


def _ids(*boxes):
    ids = np.zeros((H, W), np.int32)
    for number, (y0, x0, y1, x1) in enumerate(boxes, start=1):
        ids[y0:y1, x0:x1] = number
    return ids


def _add(folder, table, name, truth, predicted, classes):
    """Writes image, truth, record and result; a truth of None has no file."""
    image = np.full((H, W, 3), 90, np.uint8)
    os.makedirs(folder / "data" / "images", exist_ok=True)
    os.makedirs(folder / "data" / "instances", exist_ok=True)
    image_path = str(folder / "data" / "images" / f"{name}.png")
    cv2.imwrite(image_path, image)
    if truth is not None:
        values = truth.astype(np.uint16)
        cv2.imwrite(str(folder / "data" / "instances" / f"{name}.png"), values)
    semantic = np.concatenate([[0], classes]).astype(int)[predicted][::STRIDE, ::STRIDE]
    logits = 10 * np.eye(table.num_classes)[semantic]
    prediction = ImagePrediction(
        H, W, STRIDE, STRIDE, (1,), logits.astype(np.float16)[None], regions=[]
    )
    record = records.Record(name, f"{name}.png", files.sha256(image_path), {}, table, prediction)
    record_path = records.record_path(str(folder / "pred"), name)
    records.write_record(record_path, record)
    scores = np.linspace(0.9, 0.8, len(classes)).astype(np.float32)
    found = Instances(predicted, np.array(classes, np.int32), scores)
    result_writing.write_result(
        str(folder / "results"), name, found, table, files.sha256(record_path)
    )


@pytest.fixture
def street(tmp_path):
    """Three images of cars: right, of the wrong class, and merged with a person of nothing."""
    cars = np.array([7, 26000, 26001])  # 7 is road, 0 would be void
    _add(tmp_path, CITYSCAPES, "a_right", cars[_ids(LEFT, RIGHT)], _ids(LEFT, RIGHT), [CAR, CAR])
    _add(tmp_path, CITYSCAPES, "b_class", cars[_ids(LEFT)], _ids((8, 8, 32, 44)), [BUS])
    both = _ids((*LEFT[:2], *RIGHT[2:]), BELOW)
    _add(tmp_path, CITYSCAPES, MERGED, cars[_ids(LEFT, RIGHT)], both, [CAR, PERSON])
    made = {"crop_size": 513, "semantic_network": {"checkpoint": "ckpt-<7>", "sha256": "ab" * 32}}
    files.write_json(str(tmp_path / "pred" / fingerprint.FILE_NAME), made)
    files.write_json(
        str(tmp_path / "results" / fingerprint.FILE_NAME), {**made, "thresholds": [0.97, 0.7]}
    )
    return tmp_path


def _run(folder, *arguments):
    return run_verb(
        "report",
        folder,
        "--predictions_dir=pred",
        "--results_dir=results",
        "--input=data",
        "--layout=folder",
        "--output_dir=out",
        *arguments,
    )


def _gather(folder, class_table=CITYSCAPES, max_images=None):
    return report.gather(
        str(folder / "data"),
        "folder",
        "",
        class_table,
        predictions_dir=str(folder / "pred"),
        results_dir=str(folder / "results"),
        max_images=max_images,
    )


def _page(folder, class_table=CITYSCAPES, max_images=None):
    """Writes the report and returns its path and what the browser sees."""
    gathered = _gather(folder, class_table, max_images)
    path = folder / "out" / "report.html"
    report_page.write_page(str(path), gathered)
    return path, _look(path)


def _look(path):
    """Returns what the browser sees on a page, after checks that hold for every page."""
    seen = browser.look(path)
    assert seen["width"] == browser.WIDTH  # nothing to scroll to on the right
    assert seen["images"] and all(done and width > 0 for _, done, width in seen["images"])
    # Everything is in the file: no address but parts of the page and data.
    content = path.read_text()
    assert set(re.findall(r'(?:src|href)="(data:image/|#|[^"]*)', content)) == {"data:image/", "#"}
    assert "<script" not in content and "url(" not in content and "@import" not in content
    return seen


def test_tool_writes_the_page_of_a_street(street):
    run = _run(street)
    assert run.returncode == 0, run.stderr
    assert os.listdir(street / "out") == ["report.html"]
    path = street / "out" / "report.html"
    seen = _look(path)
    scores = metrics.evaluate(
        listing.list_images(str(street / "data"), "folder"), str(street / "results"), CITYSCAPES
    )
    # The tables are the judges', to the digit.
    official = {row[0]: row[1:] for row in seen["tables"]["ap"]}
    assert official["average"] == [cell(scores["ap"]), cell(scores["ap50"])]
    assert official["car"] == [cell(scores["classes"]["car"][key]) for key in ("ap", "ap50")]
    assert official["train"] == ["nan", "nan"]
    coco = {row[0]: row[1:] for row in seen["tables"]["coco"]}
    for name, entry in [*scores["coco"]["classes"].items(), ("average", scores["coco"])]:
        keys = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
        assert coco[name] == [cell(entry[key]) for key in keys]
    assert f"AP {scores['ap']:.3f}, AP50 {scores['ap50']:.3f}; 3 of 5 true" in seen["text"]
    assert {row[0]: row[-1] for row in seen["tables"]["errors"][1:]} == {
        "missed": "0",
        "merged": "1",
        "split": "0",
        "poor mask": "0",
        "wrong class": "1",
        "false positive": "1",
    }
    head, *rows = seen["tables"]["votes"]
    votes = {row[0]: dict(zip(head[1:], map(int, row[1:]), strict=True)) for row in rows}
    # The merged prediction has IoU 0.5 with one of its cars.
    assert {k: v for k, v in votes["car"].items() if v} == {"car": 3, "bus": 1, "missed": 1}
    assert {k: v for k, v in votes["nothing there"].items() if v} == {"person": 1}
    assert seen["tables"]["semantic"][0][-1] == "IoU"
    assert all("fractions" in c or "number" in c or "Errors" in c for c in seen["captions"][:5])
    assert "crop_size\n513" in seen["text"] and "thresholds\n[0.97, 0.7]" in seen["text"]
    assert "ckpt-<7>, sha256 abababababab" in seen["text"]

    # Worst first: of 6144 pixels 960 + 640 are wrong, 960, none.
    assert seen["gallery"] == [MERGED, "b_class", "a_right"]
    assert "Errors: 2, 26.0% of the pixels" in seen["text"]
    assert seen["tables"]["errors-b_class"][1] == [
        "wrong class",
        "car",
        "bus",
        "0.900",
        "960",
        "28, 20",
    ]
    assert len(seen["images"]) == 1 + 3 + 3 * 4  # curves, failures, four panels of each image
    assert seen["crops"] == [
        f"car, car as car\nIoU 0.500, 960 px\n{MERGED}",
        "car as bus\nIoU 0.900, 960 px\nb_class",
        f"person, false positive\nIoU 0.000, 640 px\n{MERGED}",
    ]
    assert seen["large"] == seen["viewport"] and seen["small"][0] < 310

    drawn = browser.screenshot(path, 3000).astype(int)
    for color in (failures.TRUTH_COLOR, failures.PREDICTION_COLOR):
        assert np.count_nonzero((np.abs(drawn - color) < 40).all(axis=2)) > 1000


def test_gallery_ends_where_it_shall(street):
    seen = _page(street, max_images=1)[1]
    assert seen["gallery"] == [MERGED]
    assert "1 of 3 images" in seen["text"]
    assert len(seen["crops"]) == 3  # failures are of all images


@pytest.mark.parametrize("kind", ["no file", "no true instance"])
def test_split_without_truth(tmp_path, kind):
    truth = None if kind == "no file" else np.full((H, W), 7)
    for name in ("two", "one"):
        _add(tmp_path, CITYSCAPES, name, truth, _ids(LEFT), [CAR])
    seen = _page(tmp_path)[1]
    assert seen["tables"] == {} and seen["crops"] == []
    assert seen["gallery"] == ["one", "two"]
    assert "nothing is judged" in seen["text"]
    assert "Neither folder has a fingerprint.json" in seen["text"]
    assert [alt.split(", ")[1] for alt, _, _ in seen["images"][:3]] == [
        "image",
        "semantic prediction",
        "prediction (1)",
    ]


def test_classes_of_ones_own(tmp_path):
    _add(tmp_path, CELLS, "one", _ids(LEFT, RIGHT), _ids(LEFT), [1])
    seen = _page(tmp_path, CELLS)[1]
    assert "ap" not in seen["tables"]
    assert seen["tables"]["coco"][1][:3] == ["cell", "0.505", "0.505"]  # 51 of 101 points
    assert seen["tables"]["dsb"][1] == ["IoU > 0.50", "0.500"]
    assert seen["tables"]["dsb"][-1] == ["mean", "0.500"]
    assert seen["tables"]["votes"] == [
        ["true class", "cell", "missed"],
        ["cell", "1", "1"],
        ["nothing there", "0", "0"],
    ]
    assert seen["crops"] == ["cell, missed\nIoU 0.000, 960 px\none"]


def test_what_does_not_fit_is_named_and_the_old_page_stays(street):
    page = street / "out" / "report.html"
    files.write_bytes(str(page), b"old")
    os.remove(street / "data" / "instances" / "b_class.png")
    run = _run(street)
    assert run.returncode != 0
    assert "1 instance image is missing: data/instances/b_class.png" in run.stderr
    assert "Traceback" not in run.stderr
    cv2.imwrite(str(street / "data/images/b_class.png"), np.full((H, W, 3), 91, np.uint8))
    cv2.imwrite(str(street / "data/instances/b_class.png"), np.full((H, W), 26000, np.uint16))
    with pytest.raises(
        ValueError, match=r"pred/b_class\.tfrecord: the prediction is not of the im"
    ):
        _page(street)
    assert page.read_bytes() == b"old"


def test_a_truth_that_is_none_is_named(street):
    truth = street / "data" / "instances" / "b_class.png"
    content = truth.read_bytes()
    truth.write_bytes(content[:-20])
    with pytest.raises(ValueError, match=r"b_class\.png: the file is damaged or cut off"):
        _gather(street)
    cv2.imwrite(str(truth), np.full((H, W + 1), 7, np.uint16))
    with pytest.raises(
        ValueError, match=r"b_class_0000\.png: the mask must be .*b_class\.png: 64x96"
    ):
        _gather(street)
