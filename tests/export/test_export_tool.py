"""The formats of `affinity_seg report` for other programs, as a user runs it."""

import json
import os
import zipfile

import cv2
import numpy as np
from running import ROOT, run_verb
from scenes import CELLS, boxes, instances
from streets import NAMES, write_streets

from affinity_seg.evaluation import result_writing, results


def _run(cwd, kind, *arguments):
    return run_verb(
        "report",
        cwd,
        f"--format={kind}",
        "--input=data",
        "--results_dir=results",
        "--output_dir=out",
        *arguments,
    )


def test_every_format_of_a_split_without_truth(tmp_path):
    write_streets(tmp_path, "test", with_truth=False)
    for kind, file in (
        ("coco", "instances_test_results.json"),
        ("label_maps", "label_maps"),
        ("cityscapes_zip", "cityscapes_test.zip"),
    ):
        run = _run(tmp_path, kind, "--split=test", "--min_score=0.5", "--classes=car,bus")
        assert run.returncode == 0, run.stderr
        assert f"out/{file}: 4 instances of 3 images" in run.stdout
    assert sorted(os.listdir(tmp_path / "out")) == [
        "cityscapes_test.zip", "instances_test.json", "instances_test_results.json", "label_maps",
    ]  # fmt: skip
    with open(tmp_path / "out" / "instances_test.json", encoding="utf-8") as file:
        assert len(json.load(file)["images"]) == 3
    with zipfile.ZipFile(tmp_path / "out" / "cityscapes_test.zip") as archive:
        assert len(archive.namelist()) == 3 + 4
    assert len(os.listdir(tmp_path / "out" / "label_maps")) == 2 * 3


def test_errors_are_one_message_without_traceback(tmp_path):
    _, results_dir = write_streets(tmp_path)
    os.remove(results.result_path(results_dir, NAMES[1]))
    for arguments, message in (
        (("--classes=cat",), "`--classes` must be foreground classes of class table 'cityscapes'"),
        ((), f"1 of 3 images have no result <name>_pred.txt in results (an image without "
             f"instances needs an empty one): {NAMES[1]}\n"),
    ):  # fmt: skip
        run = _run(tmp_path, "cityscapes_zip", *arguments)
        assert run.returncode != 0
        assert message in run.stderr and "Traceback" not in run.stderr


def test_nuclei_have_no_archive_but_label_maps(tmp_path):
    ids = boxes(20, 30, (0, 0, 8, 8), (10, 10, 18, 18))
    for kind, content in (("images", np.zeros((20, 30, 3))), ("instances", ids)):
        os.makedirs(tmp_path / "data" / kind)
        cv2.imwrite(str(tmp_path / "data" / kind / "a b.png"), content.astype(np.uint16))
    found = instances(ids, [1, 1], [0.5, 0.6])
    result_writing.write_result(str(tmp_path / "results"), "a b", found, CELLS)
    table = os.path.join(ROOT, "configs", "class_tables", "nuclei.yaml")
    arguments = ("--layout=folder", f"--class_table={table}")
    refused = _run(tmp_path, "cityscapes_zip", *arguments)
    assert refused.returncode != 0 and "Traceback" not in refused.stderr
    assert "'nuclei': the Cityscapes evaluation needs the classes" in refused.stderr
    assert not os.path.exists(tmp_path / "out")
    run = _run(tmp_path, "label_maps", *arguments)
    assert run.returncode == 0, run.stderr
    pixels = cv2.imread(str(tmp_path / "out/label_maps/a b_label_map.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(pixels, ids)
