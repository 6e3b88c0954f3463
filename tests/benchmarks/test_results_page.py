"""The tables of the evidence page, from a small store of runs."""

import pathlib
import re

import cv2
import numpy as np
import pytest
import tensorflow as tf
from running import ROOT

from affinity_seg import cli, files, model_folder
from affinity_seg.configs.inference import InferenceConfig
from benchmarks import model_measures, result_page, result_rows, results

_SCORES = {"ap": 0.5, "ap50": 0.75, "dsb_0.50": 0.8, "dsb_0.70": 0.6, "dsb_0.90": 0.25}


def _write_model(folder, data, scores, networks):
    for name, (first, last) in networks.items():
        (folder / name / "train").mkdir(parents=True)
        path = str(folder / name / "train" / "events.out.tfevents.1.here.v2")
        with tf.io.TFRecordWriter(path) as writer:
            for wall_time in (first, last):
                writer.write(tf.compat.v1.Event(wall_time=wall_time).SerializeToString())
    roles = dict(zip(model_folder.KINDS, list(networks) * 2, strict=False))
    model_folder.write(str(folder), networks=roles, preset=InferenceConfig(), scores={data: scores})


def _write_nuclei(folder, ids):
    for kind in ("images", "instances"):
        for part in ("train", "val"):
            (folder / part / kind).mkdir(parents=True)
            pixels = ids if kind == "instances" else np.zeros((*ids.shape, 3), np.uint8)
            cv2.imwrite(str(folder / part / kind / "one.png"), pixels)


@pytest.fixture
def store(tmp_path):
    """Runs of nuclei by a joint and by two networks, a demo, StarDist; and a copy of the page."""
    scores = {**_SCORES, "dsb_mean": 0.55}
    _write_model(tmp_path / "joint", "nuclei/val", scores, {"joint": (60, 180)})
    two = {"semantic": (0, 60), "affinity": (100, 190)}
    _write_model(tmp_path / "two", "nuclei/val", {**_SCORES, "dsb_0.90": 0.3125}, two)
    _write_model(tmp_path / "demo", "streets/val", {"ap": 0.25, "ap50": 0.5}, two)
    summary = {"baseline_ap": 0.0625, "baseline_ap50": 0.125, "seconds": {"a": 100.0, "b": 80.0}}
    files.write_json(str(tmp_path / "demo" / "summary.json"), summary)
    classes = {"person": {"ap": 0.375, "ap50": 0.4}, "train": {"ap": None, "ap50": None}}
    files.write_json(str(tmp_path / "demo" / "results.json"), {"classes": classes})

    ids = np.zeros((16, 16), np.uint16)
    ids[2:6, 2:6], ids[8:14, 8:14] = 1, 2
    _write_nuclei(tmp_path / "nuclei", ids)
    (tmp_path / "stardist" / "labels").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "stardist" / "labels" / "one.png"), np.where(ids == 2, 7, 0 * ids))
    trained = {"train_seconds": 120.0, "versions": {"stardist": "1", "tensorflow": "2"}}
    files.write_json(str(tmp_path / "stardist" / "train.json"), trained)
    files.write_json(str(tmp_path / "stardist" / "predict.json"), {"seconds_per_image": 0.25})
    page = tmp_path / "results.md"
    page.write_text((pathlib.Path(ROOT) / "docs" / "results.md").read_text())
    return tmp_path


def _run(store, *more):
    cli.run(
        results,
        [
            f"--output_dir={store}/out", f"--data={store}/nuclei", f"--page={store}/results.md",
            f"--stardist={store}/stardist", f"--nuclei=one network={store}/joint",
            f"--nuclei=two networks={store}/two", f"--nuclei=later={store}/none",
            f"--demo=streets={store}/demo", *more,
        ],
    )  # fmt: skip
    page = (store / "results.md").read_text()
    marked = re.findall(r"<!-- table: (\w+) -->\n\n(.*?)\n\n<!-- end", page, re.DOTALL)
    return dict(marked)


def _fake_measures(monkeypatch):
    row = {"dsb_0.50": 0.8, "dsb_0.70": 0.6, "dsb_0.90": 0.25, "dsb_mean": 0.5, "seconds": 0.125}
    rival = {**row, "name": "rival", "dsb_0.50": 0.9}
    ours = {**row, "name": "average"}
    found = {
        "clusterings": [ours, {**ours, "name": "weighted"}, rival],
        "strategies": [ours],
        "skipped": {"clusterings": ["skipped: other"], "strategies": []},
        "machine": "a machine",
    }
    monkeypatch.setattr(model_measures, "compare", lambda *_: found)
    monkeypatch.setattr(model_measures, "seconds_per_image", lambda *_: 0.5)


def test_the_page_shows_what_is_stored(store, monkeypatch):
    _fake_measures(monkeypatch)
    tables = _run(store)
    assert "| one network | joint | **0.800** | **0.600** | 0.250 | **0.550** |" in tables["nuclei"]
    assert "| two networks | two | **0.800** | **0.600** | **0.312** | - |" in tables["nuclei"]
    joint, two = tables["nuclei"].splitlines()[2:4]
    assert joint.endswith("| 2.0 | 0.50 |") and two.endswith("| 2.5 | 0.50 |")
    assert (
        "Better than one network: IoU 0.9: two networks, 0.312 against 0.250." in tables["nuclei"]
    )
    assert f"not run: later: no model in {store}/none" in tables["nuclei"]
    assert "| streets | two | 0.250 | 0.500 | 0.062 | 0.125 | 2.5 | 3.0 | - |" in tables["demo"]
    assert "| person | 0.375 |" in tables["classes"] and "| train | - |" in tables["classes"]
    assert "not run" in tables["strategies_demo"]  # The streets are gone.
    assert "skipped: other" in tables["clusterings"]
    assert "IoU 0.5: rival, 0.900 against 0.800." in tables["clusterings"]
    # StarDist found one of two nuclei, without a mistake.
    assert "| StarDist 1 (TensorFlow 2) | U-Net | 0.500 | 0.500 |" in tables["stardist"]
    assert tables["stardist"].splitlines()[-3].endswith("| 2.0 | 0.25 |")
    assert "IoU 0.9: StarDist 1" in tables["stardist"]
    assert _run(store) == tables  # The page can be made again.


def test_what_is_not_there_is_said(store, monkeypatch):
    _fake_measures(monkeypatch)
    tables = _run(store, f"--data={store}/no_data", f"--demo=more={store}/no_demo")
    for name in ("nuclei", "clusterings", "strategies", "stardist"):
        assert tables[name] == f"not run: {store}/no_data not found"
    assert f"not run: more: no model in {store}/no_demo" in tables["demo"]


def test_the_page_has_other_tables(store):
    path = store / "results.md"
    path.write_text(path.read_text().replace("<!-- table: demo -->", ""))
    with pytest.raises(ValueError, match="the tables must be"):
        _run(store, f"--data={store}/no_data")


def test_a_run_has_a_name_and_a_folder():
    assert result_rows.parse_run("a=b, c=runs/d") == ("a=b, c", "runs/d")
    with pytest.raises(ValueError, match="a run must be 'name=folder': 'runs/d'"):
        result_rows.parse_run("runs/d")


def test_who_wins_is_said():
    row = {"dsb_0.50": 0.8, "dsb_0.70": 0.6, "dsb_0.90": 0.25, "dsb_mean": None}
    ours, other = {"name": "ours", **row}, {"name": "other", **row}
    assert "Nothing else is better" in result_page.wins([ours], [other])
    other["dsb_0.70"] = 0.7
    assert result_page.wins([ours], [other]) == (
        "Better than ours: IoU 0.7: other, 0.700 against 0.600."
    )
