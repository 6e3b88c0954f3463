"""Inputs that cannot be used are left out, listed, and done when they are mended."""

import dataclasses
import json
import os

import cv2
import numpy as np
import oracle
import pytest

from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import listing
from affinity_seg.evaluation import result_writing
from affinity_seg.pipeline import merge_runs, prediction_runs, records
from affinity_seg.rejected_inputs import EXIT_STATUS, RejectedInputs

CONFIG = InferenceConfig(
    cell_size=8, growth=4, crop_size=32, max_zoom=1.0, merge_window=1, min_pixels=10
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three images, two model folders with real checkpoints, networks that know the truth."""
    (tmp_path / "images").mkdir()
    for i in range(3):
        classes, instances = np.zeros((24, 32), np.int64), np.zeros((24, 32), np.int64)
        classes[4:12, 2 + i : 8 + i] = instances[4:12, 2 + i : 8 + i] = 1
        picture = cv2.cvtColor(oracle.picture(classes, instances), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(tmp_path / "images" / f"street_{i}.png"), picture)
    oracle.write_model(tmp_path, monkeypatch)
    return tmp_path


def _predict(folder, strict=False):
    rejected = RejectedInputs(str(folder / "out"), strict)
    items = listing.list_images(str(folder / "images"), "images")
    dirs = str(folder / "semantic"), str(folder / "affinity")
    count = prediction_runs.predict_images(
        items, CONFIG, *dirs, str(folder / "out"), rejected=rejected
    )
    return count, rejected.finish()


def _merge(folder, strict=False):
    rejected = RejectedInputs(str(folder / "res"), strict)
    arguments = str(folder / "out"), CONFIG, "graph_merge", str(folder / "res")
    return merge_runs.merge_records(*arguments, rejected=rejected), rejected.finish()


def _listed(folder):
    return json.loads((folder / "rejected.json").read_text())


def test_a_broken_image_is_listed_and_predicted_once_it_is_mended(folder):
    path = folder / "images" / "street_1.png"
    content = path.read_bytes()
    path.write_bytes(content[:-40])
    with pytest.raises(ValueError, match=r"street_1\.png: the file is damaged"):
        _predict(folder, strict=True)
    assert _predict(folder) == (1, EXIT_STATUS)  # With --strict the one before it was predicted.
    (entry,) = _listed(folder / "out")
    assert entry["name"] == "street_1" and entry["file"] == str(path)
    assert entry["reason"].startswith(f"{path}: the file is damaged or cut off")
    assert _predict(folder) == (0, EXIT_STATUS)  # It is tried again.
    path.write_bytes(content)
    assert _predict(folder) == (1, 0)
    assert not (folder / "out" / "rejected.json").exists()


def test_an_image_that_is_gone_is_listed_whether_it_has_a_record_or_not(folder):
    path = folder / "images" / "street_1.png"
    os.rename(path, folder / "elsewhere.png")
    path.symlink_to(folder / "nowhere.png")
    assert _predict(folder) == (2, EXIT_STATUS)
    path.unlink()
    os.rename(folder / "elsewhere.png", path)
    assert _predict(folder) == (1, 0)
    path.unlink()
    path.symlink_to(folder / "nowhere.png")
    assert _predict(folder) == (0, EXIT_STATUS)
    assert [entry["name"] for entry in _listed(folder / "out")] == ["street_1"]
    assert len(records.list_records(str(folder / "out"))) == 3


@pytest.mark.parametrize("number", [0, 2])
def test_a_damaged_record_is_listed_and_merged_once_it_is_mended(folder, number):
    _predict(folder)
    path = folder / "out" / f"street_{number}.tfrecord"
    content = path.read_bytes()
    path.write_bytes(content[:-50])
    os.remove(folder / "out" / "fingerprint.json")  # As of records that were copied.
    with pytest.raises(ValueError, match=rf"street_{number}\.tfrecord: not a prediction record"):
        _merge(folder, strict=True)
    left = 2 - number  # With --strict those before it were merged.
    assert _merge(folder) == (left, EXIT_STATUS)
    (entry,) = _listed(folder / "res")
    assert entry["name"] == f"street_{number}" and entry["file"] == str(path)
    path.write_bytes(content)
    assert _merge(folder) == (1, 0)
    assert _merge(folder) == (0, 0)
    assert not (folder / "res" / "rejected.json").exists()


@pytest.mark.parametrize("change", [{"refine_classes": ("foo",)}, {"stages": (3, 2, 1)}])
def test_an_option_that_does_not_fit_is_no_fault_of_the_records(folder, change):
    _predict(folder)
    rejected = RejectedInputs(str(folder / "res"))
    config = dataclasses.replace(CONFIG, **change)
    with pytest.raises(ValueError, match=f"`{next(iter(change))}` must"):
        merge_runs.merge_records(
            str(folder / "out"), config, "graph_merge", str(folder / "res"), rejected=rejected
        )
    assert len(rejected) == 0


def test_without_any_record_that_can_be_read_all_are_listed(folder):
    _predict(folder)
    os.remove(folder / "out" / "fingerprint.json")
    for path in (folder / "out").glob("*.tfrecord"):
        path.write_bytes(b"x")
    assert _merge(folder) == (0, EXIT_STATUS)
    assert len(_listed(folder / "res")) == 3


def test_a_record_of_another_run_is_listed_where_the_folder_says_what_made_it(folder):
    _predict(folder)
    path = str(folder / "out" / "street_0.tfrecord")
    record = records.read_record(path)
    records.write_record(path, record._replace(fingerprint={**record.fingerprint, "growth": 9}))
    assert _merge(folder) == (2, EXIT_STATUS)
    (entry,) = _listed(folder / "res")
    assert "another run than the folder: `growth` is 9, not 4" in entry["reason"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("ours")])
def test_an_error_of_writing_is_no_dead_letter(folder, monkeypatch, error):
    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(records, "write_record", fail)
        with pytest.raises(type(error), match=str(error.args[-1])):
            _predict(folder)
    _predict(folder)
    monkeypatch.setattr(result_writing, "write_result", fail)
    with pytest.raises(type(error), match=str(error.args[-1])):
        _merge(folder)
    assert not list(folder.rglob("rejected.json"))


def test_a_machine_at_its_end_is_no_fault_of_an_image(folder, monkeypatch):
    def fail(*_, **__):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(prediction_runs.pictures, "read", fail)
    with pytest.raises(OSError, match="Too many open files"):
        _predict(folder)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"street\n2.png", "the key of an image must be a name"),
        (b"\xe9.png", r"images/\udce9.png: the name of a file must be UTF-8"),
    ],
)
def test_a_strange_name_is_listed(folder, name, reason):
    os.rename(folder / "images" / "street_2.png", folder / "images" / os.fsdecode(name))
    assert _predict(folder) == (2, EXIT_STATUS)
    (entry,) = _listed(folder / "out")
    assert reason in entry["reason"]
