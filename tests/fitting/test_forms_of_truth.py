"""`fit` plans for truth of every form, and for truth that is broken."""

import json
import os
from unittest import mock

import cv2
import drawn
import numpy as np
import pytest
import tifffile
import yaml

from affinity_seg import verbs
from affinity_seg.data import listing, truth_classes
from affinity_seg.fitting import plan, starts, timing


def _plan(folder, *more):
    """Runs `fit` up to the plan, without timing a step; returns its exit status."""
    flags = [f"--input={folder / 'data'}", f"--output_dir={folder / 'model'}", "--minutes=0.1"]
    with mock.patch.object(timing, "measure", return_value=1.0):
        return verbs.run("fit", [*flags, "--dry_run", *more])


def test_truth_of_coco_names_the_classes(tmp_path):
    drawn.discs(tmp_path / "data", 4)
    images, annotations = [], []
    for index in range(4):
        path = tmp_path / "data" / "instances" / f"{index:03}.png"
        ids = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        images.append({"id": index, "file_name": f"{index:03}.png", "height": 64, "width": 64})
        for value in np.unique(ids[ids > 0]).tolist():
            outline = cv2.findContours((ids == value).astype(np.uint8), 0, 2)[0][0]
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": index,
                    "category_id": 1 + value % 3,
                    "segmentation": [outline.ravel().tolist()],
                    "iscrowd": 0,
                }
            )
        path.unlink()
    (tmp_path / "data" / "instances").rmdir()
    categories = [{"id": number, "name": f"kind{number}"} for number in (1, 2, 3)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "data" / "annotations.json").write_text(json.dumps(content))
    assert _plan(tmp_path) == 0
    content = yaml.safe_load((tmp_path / "model" / plan.FILE).read_text())
    assert "kind1, kind2, kind3" in content["class_table"]["reason"]
    assert len(content["class_weights"]["value"]) == 4


def test_a_class_that_is_called_as_the_default_is_one_that_the_truth_names(tmp_path):
    drawn.discs(tmp_path / "data", 2)
    for path in sorted((tmp_path / "data" / "instances").iterdir()):
        _as_labelme(path, "object")
        path.unlink()
    (tmp_path / "data" / "instances").rmdir()
    with mock.patch.object(starts, "_score", return_value=0.0):
        assert _plan(tmp_path, "--start_from=nuclei") == 0
    content = yaml.safe_load((tmp_path / "model" / plan.FILE).read_text())
    assert content["class_table"]["reason"] == "The truth names these classes: object."


def test_a_class_that_only_val_has_is_one_of_the_classes(tmp_path):
    names = {}
    for part, name in (("train", "cell"), ("val", "worm")):
        (tmp_path / part / "images").mkdir(parents=True)
        cv2.imwrite(str(tmp_path / part / "images" / "a.png"), np.zeros((9, 9), np.uint8))
        annotation = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0}
        content = {
            "images": [{"id": 1, "file_name": "a.png", "height": 9, "width": 9}],
            "annotations": [annotation | {"segmentation": [[1, 1, 5, 1, 5, 5]]}],
            "categories": [{"id": 1, "name": name}],
        }
        (tmp_path / part / "annotations.json").write_text(json.dumps(content))
        names[part] = listing.list_labelled_images(str(tmp_path / part), "folder")
    table = truth_classes.of_truth([*names["train"], *names["val"]])
    assert table.class_names == ("background", "cell", "worm")


def _as_labelme(path, label, **changes):
    """Replaces an instance image by a file of LabelMe."""
    ids = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    shapes = []
    for value in np.unique(ids[ids > 0]).tolist():
        outline = cv2.findContours((ids == value).astype(np.uint8), 0, 2)[0][0]
        shapes.append({"label": label, "points": outline.reshape(-1, 2).tolist()})
    content = {"imagePath": f"{path.stem}.png", "shapes": shapes, **changes}
    target = path.parents[1] / "images" / f"{path.stem}.json"
    target.write_text(json.dumps(content))
    return target


def test_files_of_labelme_that_are_broken_end_it_and_leave_nothing_behind(tmp_path):
    """All of them are named at once; the classes are read anew when they were corrected."""
    drawn.discs(tmp_path / "data", 4)
    paths = sorted((tmp_path / "data" / "instances").iterdir())
    files = [_as_labelme(path, "disc") for path in paths]
    whole = {path: path.read_text() for path in files[1:3]}
    _as_labelme(paths[1], "dics", imageHeight=65)
    files[2].write_text(whole[files[2]][:-9])
    for path in paths:
        path.unlink()
    (tmp_path / "data" / "instances").rmdir()
    reason = (
        r"2 of 4 images cannot .*001\.json: `imageHeight` .* 64: 65.*002\.json: the file is dam"
    )
    with pytest.raises(ValueError, match=reason):
        _plan(tmp_path)
    assert not {"tfrecords", plan.FILE} & set(os.listdir(tmp_path / "model"))
    for path, text in whole.items():
        path.write_text(text)
    assert _plan(tmp_path) == 0
    content = yaml.safe_load((tmp_path / "model" / plan.FILE).read_text())
    assert "these classes: disc." in content["class_table"]["reason"]
    assert not (tmp_path / "model" / "rejected.json").exists()


def test_one_mask_for_each_object_and_five_channels(tmp_path):
    drawn.discs(tmp_path / "data", 4)
    for index in range(4):
        path = tmp_path / "data" / "instances" / f"{index:03}.png"
        ids = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        folder = tmp_path / "data" / "masks" / f"{index:03}"
        folder.mkdir(parents=True)
        for value in np.unique(ids[ids > 0]):
            cv2.imwrite(str(folder / f"{value}.png"), (ids == value).astype(np.uint8) * 255)
        path.unlink()
        path = tmp_path / "data" / "images" / f"{index:03}.png"
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.uint16) * 9
        tifffile.imwrite(path.with_suffix(".tif"), np.stack([image] * 5), metadata={"axes": "CYX"})
        path.unlink()
    (tmp_path / "data" / "instances").rmdir()
    assert _plan(tmp_path, "--channels=1,2,3,4,5") == 0
    content = yaml.safe_load((tmp_path / "model" / plan.FILE).read_text())
    assert content["channels"]["value"] == 5 and "`object`" in content["class_table"]["reason"]
    experiment = yaml.safe_load((tmp_path / "model" / "experiment.yaml").read_text())
    assert experiment["task"]["model"]["num_channels"] == 5
