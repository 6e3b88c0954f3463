"""`affinity_seg evaluate` as a user runs it."""

import json
import os

import cv2
import numpy as np
import pytest
from running import ROOT, run_verb
from scenes import CAR, boxes, instances

from affinity_seg import model_folder
from affinity_seg.class_tables import CITYSCAPES, load_class_table
from affinity_seg.data import listing
from affinity_seg.evaluation import result_writing
from affinity_seg.evaluation.truth import read_truth

NUCLEI = os.path.join(ROOT, "..", "shared", "data", "nuclei")


def _run(cwd, *arguments):
    return run_verb("evaluate", cwd, *arguments)


@pytest.fixture
def street(tmp_path):
    """A Cityscapes layout of one image with two cars, and the results of either."""
    name = "aachen_000000_000019"
    ids = boxes(60, 100, (0, 0, 20, 30), (0, 40, 20, 70))
    for folder, file, content in (
        ("leftImg8bit", f"{name}_leftImg8bit.png", np.zeros((60, 100, 3), np.uint8)),
        ("gtFine", f"{name}_gtFine_instanceIds.png", np.array([7, 26000, 26001])[ids]),
    ):
        os.makedirs(tmp_path / folder / "val" / "aachen")
        pixels = content.astype(np.uint16) if content.ndim == 2 else content
        cv2.imwrite(str(tmp_path / folder / "val" / "aachen" / file), pixels)
    both = instances(ids, [CAR, CAR], [0.9, 0.8])
    result_writing.write_result(str(tmp_path / "both"), name, both, CITYSCAPES)
    one = instances(np.where(ids == 1, 1, 0), [CAR], [0.9])
    result_writing.write_result(str(tmp_path / "one"), name, one, CITYSCAPES)
    return tmp_path


def test_cityscapes_with_baseline(street):
    before = sorted(os.listdir(street))
    run = _run(
        street,
        "--input=.",
        "--results_dir=both",
        "--baseline_results_dir=one",
        "--output_json=out/scores.json",
        "--output_plot=out/curves.png",
    )
    assert run.returncode == 0, run.stderr
    assert "what           :             AP         AP_50%" in run.stdout
    (row,) = [line for line in run.stdout.splitlines() if line.startswith("average  ")][4:]
    assert row.split() == ["average", "1.000", "0.500", "1.000", "0.500"]
    assert sorted(os.listdir(street)) == sorted([*before, "out"])
    with open(street / "out" / "scores.json", encoding="utf-8") as file:
        scores = json.load(file)
    assert (scores["judge"], scores["ap"], scores["ap50"]) == ("cityscapes", 1, 1)
    assert (scores["baseline"]["ap"], scores["classes"]["train"]["ap"]) == (0.5, None)
    assert scores["coco"]["ap50"] == pytest.approx(1, abs=1e-12)
    assert scores["baseline"]["coco"]["ap50"] == pytest.approx(51 / 101)
    assert (scores["errors"]["num_found"], scores["errors"]["votes"]["car"]["car"]) == (2, 2)
    assert "true class | voted" in run.stdout
    plot = cv2.imread(str(street / "out" / "curves.png"))
    assert (plot == (180, 119, 31)).all(axis=2).any()  # the first class's line, blue


def test_the_scores_are_kept_with_the_model(street):
    data = ["--input=.", "--results_dir=one", "--model=model"]
    missing = _run(street, *data)
    assert missing.returncode == 1 and "`model` must be a folder" in missing.stderr
    for kind in model_folder.KINDS:
        os.makedirs(street / "model" / kind)
    run = _run(street, *data)
    assert run.returncode == 0, run.stderr
    kept = model_folder.read(str(street / "model")).scores
    assert kept == {f"{street.name}/val": {"ap": 0.5, "ap50": 0.5}}


def test_errors_are_one_message_without_traceback(street):
    run = _run(street, "--input=.", "--results_dir=none")
    assert run.returncode != 0
    assert "1 of 1 images have no result" in run.stderr
    assert "Traceback" not in run.stderr
    os.remove(street / "gtFine/val/aachen/aachen_000000_000019_gtFine_instanceIds.png")
    run = _run(street, "--input=.", "--results_dir=both")
    assert "1 instance image is missing: ./gtFine" in run.stderr
    assert "Traceback" not in run.stderr


def test_nuclei_truth_is_perfect_by_both_judges(tmp_path):
    if not os.path.isdir(NUCLEI):
        pytest.skip("skipped: ../shared/data/nuclei not found")
    table_path = os.path.join(ROOT, "configs", "class_tables", "nuclei.yaml")
    table = load_class_table(table_path)
    data = tmp_path / "data"
    for kind in ("images", "instances"):
        os.makedirs(data / kind)
    for item in listing.list_images(os.path.join(NUCLEI, "val"), "folder")[:6]:
        for path, kind in ((item.image_path, "images"), (item.truth_path, "instances")):
            os.symlink(os.path.abspath(path), data / kind / os.path.basename(path))
        read = read_truth(item, table)
        count = len(read.instance_classes)
        scores = np.linspace(0.1, 0.9, count)
        perfect = instances(read.instance_ids, read.instance_classes, scores)
        result_writing.write_result(str(tmp_path / "results"), item.name, perfect, table)
    run = _run(
        tmp_path,
        "--input=data",
        "--layout=folder",
        f"--class_table={table_path}",
        "--results_dir=results",
        "--output_json=scores.json",
    )
    assert run.returncode == 0, run.stderr
    assert "COCO" in run.stdout and "Data Science Bowl" in run.stdout
    with open(tmp_path / "scores.json", encoding="utf-8") as file:
        scores = json.load(file)
    assert (scores["judge"], scores["ap"], scores["dsb"]["mean_score"]) == (
        "coco",
        pytest.approx(1, abs=1e-12),
        1,
    )
