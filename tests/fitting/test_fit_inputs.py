"""Inputs and flags of `fit` that are wrong, or of which little can be used."""

import json
import os
from unittest import mock

import cv2
import drawn
import numpy as np
import pytest
import tifffile
import yaml
from fit_runs import measured, run_fit

from affinity_seg.fitting import plan, preparing, stages, survey, timing


def test_masks_that_look_wrong_end_it_before_it_trains(tmp_path):
    drawn.discs(tmp_path / "data", 8, per_image=9)
    for path in (tmp_path / "data" / "instances").iterdir():
        cv2.imwrite(str(path), (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) > 0) * 255)
    with pytest.raises(ValueError, match=r"binary masks.*instances.*--allow=binary_masks"):
        run_fit(tmp_path)
    assert not {"tfrecords", plan.FILE, stages.NETWORK} & set(os.listdir(tmp_path / "model"))
    with mock.patch.object(timing, "measure", return_value=1.0):
        assert run_fit(tmp_path, "--allow=binary_masks", "--dry_run") == 0


def test_images_that_cannot_be_used_are_listed(tmp_path):
    drawn.discs(tmp_path / "data", 6)
    (tmp_path / "data" / "images" / "002.png").write_bytes(b"no picture")
    small = cv2.imread(str(tmp_path / "data" / "instances" / "003.png"), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(tmp_path / "data" / "instances" / "003.png"), small[:-1])
    (tmp_path / "data" / "instances" / "004.png").unlink()
    reason = r"3 of 6 images cannot be used, see .*rejected\.json: .*004\.png.*--leave_out"
    with pytest.raises(ValueError, match=reason):
        run_fit(tmp_path, "--dry_run")
    assert not (tmp_path / "model" / plan.FILE).exists()
    with mock.patch.object(timing, "measure", return_value=1.0):
        for _ in range(2):  # The second run does not read them again.
            assert run_fit(tmp_path, "--dry_run", "--leave_out") == 3
            listed = json.loads((tmp_path / "model" / "rejected.json").read_text())
            assert {entry["name"] for entry in listed} == {"002", "003", "004"}


def test_a_bad_image_leaves_that_of_the_same_name_in_the_other_part(tmp_path):
    for part in ("train", "val"):
        drawn.discs(tmp_path / "data" / part, 5)
    (tmp_path / "data" / "train" / "images" / "001.png").write_bytes(b"no picture")
    (tmp_path / "data" / "val" / "instances" / "002.png").unlink()
    for part in ("train", "val"):
        (tmp_path / "data" / part / "images" / "003.png").write_bytes(b"no picture")
    with mock.patch.object(timing, "measure", return_value=1.0):
        assert run_fit(tmp_path, "--dry_run", "--leave_out") == 3
    listed = json.loads((tmp_path / "model" / "rejected.json").read_text())
    assert {entry["name"] for entry in listed} == {"001", "003", "val/002", "val/003"}
    kept = json.loads((tmp_path / "model" / "fit.json").read_text())["facts"]["objects"]
    train, val = ({"000", "002", "004"}, {f"val/{i}" for i in ("000", "001", "004")})
    assert kept.keys() == train | val


def test_one_image_only(tmp_path):
    drawn.discs(tmp_path / "data", 1)
    with mock.patch.object(timing, "measure", return_value=1.0):
        assert run_fit(tmp_path, "--dry_run") == 0
    content = yaml.safe_load((tmp_path / "model" / plan.FILE).read_text())
    assert content["tuning_images"]["value"] == content["judging_images"]["value"] == 0
    assert "it has seen" in content["tuning_images"]["reason"]


def test_why_no_image_can_be_used(tmp_path):
    drawn.discs(tmp_path / "data", 2)
    for path in (tmp_path / "data" / "images").iterdir():
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        tifffile.imwrite(path.with_suffix(".tif"), np.stack([image] * 2), metadata={"axes": "CYX"})
        path.unlink()
    with pytest.raises(ValueError, match=r"none of the 2 .* used; .*000\.tif: .*`--channels`"):
        run_fit(tmp_path)


@pytest.mark.parametrize("name", ["Smith, J", "run[1]", "a*"])
def test_a_folder_whose_name_is_a_pattern_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="`output_dir` must be a path without any of , "):
        run_fit(tmp_path, f"--output_dir={tmp_path / name}")
    assert not list(tmp_path.iterdir())


def test_the_few_images_with_objects_aremeasured(tmp_path, monkeypatch):
    monkeypatch.setattr(survey, "MAX_IMAGES", 3)
    folders = tmp_path / "without", tmp_path / "data"
    drawn.discs(folders[0], 9, per_image=0)
    drawn.discs(folders[1], 1)
    for kind in ("images", "instances"):
        (folders[1] / kind / "000.png").rename(folders[1] / kind / "001.png")
        for path in (folders[0] / kind).iterdir():
            if path.stem != "001":
                path.rename(folders[1] / kind / path.name)
    with measured(1.0, None):
        run_fit(tmp_path, "--dry_run")
    found = json.loads((tmp_path / "model" / preparing.SURVEY).read_text())
    assert found["images"] == 4 and found["empty_images"] == 3


def test_images_without_objects(tmp_path):
    drawn.discs(tmp_path / "data", 3, per_image=0)
    with pytest.raises(ValueError, match="truth of all 3 images is empty: every pixel is 0"):
        run_fit(tmp_path)


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf"])
def test_minutes_must_be_positive(tmp_path, minutes):
    with pytest.raises(ValueError, match="`--minutes` must be positive"):
        run_fit(tmp_path, f"--minutes={minutes}")
