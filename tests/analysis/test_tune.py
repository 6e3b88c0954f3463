"""`tune`: what it chooses, that its scores are those of `evaluate`, and that it continues."""

import json
import os

import cv2
import numpy as np
import oracle
import pytest

from affinity_seg import model_folder, verbs
from affinity_seg.analysis import candidates, preset_scores, tuning
from affinity_seg.configs import inference
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import listing
from affinity_seg.evaluation import metrics
from affinity_seg.pipeline import merge_runs, prediction_runs
from affinity_seg.tasks import registry_imports  # noqa: F401

START = InferenceConfig(
    regions=False,
    partition=False,
    zoom="none",
    crop_size=32,
    bucket=1,
    merge_window=1,
    min_pixels=4,
)
SPECK = 9
"""Pixels of an instance that the networks see and that is not there."""


class Unsure(oracle.OracleNetwork):
    """Finds pairs of pixels of two instances as likely as not to be of one."""

    def _answer(self, image):
        answer = super()._answer(image)
        return answer if self.kind == "semantic" else np.where(answer > 0, answer, -0.4)


@pytest.fixture
def scene(tmp_path, monkeypatch):
    """The folders of a model and of three labelled images, and the calls that load a network."""
    oracle.write_labelled(tmp_path / "data", 3, has_speck=True)
    loaded = oracle.write_model(tmp_path / "model", monkeypatch, Unsure, START)
    return tmp_path, loaded


def _run(folder, *more):
    flags = [f"--model={folder}/model", "--layout=folder", f"--input={folder}/data", *more]
    return verbs.run("tune", flags)


def _saved(folder):
    return json.loads((folder / "model" / "tune" / tuning.FILE).read_text())


def test_it_writes_the_best_preset_and_scores_as_evaluate_does(scene, capsys):
    folder, loaded = scene
    _run(folder, "--metric=dsb", "--parts=thresholds,min_pixels")
    assert len(loaded) == 2
    found = model_folder.read(str(folder / "model")).config()
    # At 0.3 the two squares that touch are one; the speck is dropped from SPECK pixels on.
    assert found.thresholds[-1] > 0.35 and found.min_pixels >= SPECK
    assert preset_scores.changes(found, START).keys() == {"thresholds", "min_pixels"}
    saved = _saved(folder)
    assert saved["score"] == 1 and saved["rows"][0]["score"] < 0.5
    printed = capsys.readouterr().out
    for row in saved["rows"]:
        assert (
            f"| {row['round']} | {row['part']} | {row['value']} | {row['score']:.4f} |" in printed
        )
    assert sum(row["chosen"] for row in saved["rows"]) >= 2

    items = listing.list_labelled_images(str(folder / "data"), "folder")
    dirs = [str(folder / "model" / kind) for kind in model_folder.KINDS]
    for config, row in ((START, "rows"), (found, "score")):
        records, results = str(folder / f"records_{row}"), str(folder / f"results_{row}")
        prediction_runs.predict_images(items, config, *dirs, records)
        merge_runs.merge_records(records, config, "graph_merge", results)
        expected = saved["score"] if row == "score" else saved["rows"][0]["score"]
        scores = metrics.evaluate(items, results, oracle.TABLE)
        assert scores["dsb"]["mean_score"] == expected


class Faint(Unsure):
    """Sees the speck, the only disc, as hardly more likely than the background."""

    def _answer(self, image):
        is_speck = np.rint(image[..., :1] / oracle.CLASS_STEP) == 2
        answer = super()._answer(image)
        return np.where(is_speck, answer / 10, answer) if self.kind == "semantic" else answer


def test_instances_of_low_scores_are_left_out_where_that_helps(tmp_path, monkeypatch):
    oracle.write_labelled(tmp_path / "data", 3, has_speck=True)
    start = inference.change(START, {"thresholds": (0.97, 0.7, 0.6)})
    oracle.write_model(tmp_path / "model", monkeypatch, Faint, start)
    _run(tmp_path, "--metric=dsb", "--parts=min_score")
    found = model_folder.read(str(tmp_path / "model")).config()
    assert preset_scores.changes(found, start).keys() == {"min_score"} and found.min_score > 0.6
    assert _saved(tmp_path)["rows"][0]["score"] == 0.75 and _saved(tmp_path)["score"] == 1


def test_it_continues_and_needs_no_network_again(scene, monkeypatch):
    folder, loaded = scene
    merge, merged = merge_runs.merge_record, []

    def counted(record, config):
        merged.append(config)
        if len(merged) == limit:
            raise KeyboardInterrupt
        return merge(record, config)

    monkeypatch.setattr(merge_runs, "merge_record", counted)
    limit = 20
    with pytest.raises(KeyboardInterrupt):
        _run(folder)
    before = len(merged)
    assert model_folder.read(str(folder / "model")).config() == START  # Nothing is written yet.
    scored = {json.dumps(entry) for entry in _saved(folder)["scores"]}
    assert scored
    limit = None
    _run(folder)
    continued = _saved(folder)
    assert scored < {json.dumps(entry) for entry in continued["scores"]}
    assert len(loaded) == 2
    assert len(merged) - before == 3 * (len(continued["scores"]) - len(scored))

    chosen = model_folder.read(str(folder / "model")).config()
    model_folder.write(str(folder / "model"), preset=START)
    before = len(merged)
    _run(folder)
    assert len(merged) == before and len(loaded) == 2
    assert _saved(folder) == continued
    assert model_folder.read(str(folder / "model")).config() == chosen
    # Another image is another search.
    _run(folder, "--max_images=2", f"--output_dir={folder}/other")
    assert len(json.loads((folder / "other" / tuning.FILE).read_text())["made_from"]["images"]) == 2


def test_each_zoom_is_predicted_once_and_keeps_the_size_in_the_image(scene):
    folder, loaded = scene
    fixed = {**vars(START), "zoom": "box_height", "min_zoom": 1.0, "max_zoom": 1.0}
    model_folder.write(str(folder / "model"), preset=InferenceConfig(**fixed))
    _run(folder, "--zooms=2", "--parts=thresholds", "--max_rounds=1")
    assert len(loaded) == 2 and len(os.listdir(folder / "model" / "tune" / "predictions")) == 2
    zoomed = [row for row in _saved(folder)["rows"] if row["part"] == candidates.ZOOM]
    assert [row["value"] for row in zoomed] == ["2"]
    changes = next(
        entry["changes"] for entry in _saved(folder)["scores"] if "max_zoom" in entry["changes"]
    )
    assert changes == {"min_zoom": 2.0, "max_zoom": 2.0, "min_pixels": 4 * START.min_pixels}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--parts=speed"], "`--parts` must be some of"),
        (["--zooms=big"], "`--zooms` must be numbers"),
        (["--zooms=2"], "`zooms` must not be given with a preset without zoom: 2"),
        (["--override=min_pixels=-1"], "`min_pixels` must be in"),
    ],
)
def test_wrong_flags(scene, flags, message):
    with pytest.raises(ValueError, match=message):
        _run(scene[0], *flags)
    assert not scene[1]


def test_images_without_objects_and_models_without_networks(scene):
    folder, loaded = scene
    with pytest.raises(FileNotFoundError, match="a model must hold the networks"):
        verbs.run("tune", [f"--model={folder}", "--layout=folder", f"--input={folder}/data"])
    (folder / "exported").mkdir()
    (folder / "exported" / "saved_model.pb").touch()
    with pytest.raises(ValueError, match="not an exported model"):
        verbs.run("tune", [f"--model={folder}/exported", "--layout=folder", f"--input={folder}"])
    images = ["--layout=images", f"--input={folder}/data/images", f"--output_dir={folder}/out"]
    with pytest.raises(ValueError, match="`--model` must be a folder with networks, not an exp"):
        verbs.run("segment", [f"--model={folder}/exported", *images])
    for path in (folder / "data" / "instances").iterdir():
        cv2.imwrite(str(path), np.zeros((24, 32), np.uint16))
    with pytest.raises(ValueError, match="the truth of 3 images has none"):
        _run(folder)
    assert not loaded


def test_candidates():
    setting = candidates.Setting(START, (1, 2, 4, 8, 16, 32, 64))
    for part in candidates.PARTS:
        found = candidates.of(part, START, setting)
        assert START in found and len(found) == len(set(found)) > 2
        assert len({candidates.shown(part, config) for config in found}) == len(found)
        fields = set().union(*(preset_scores.changes(config, START) for config in found))
        wanted = {"flips": {"semantic_flip", "affinity_flip"}, "stages": {"stages", "thresholds"}}
        assert fields == wanted.get(part, {part})
    assert candidates.windows((1, 2, 4)) == [4, 2, 1]
    assert candidates.windows((1, 2, 6)) == [2, 1]
    ranged = InferenceConfig(min_zoom=1.0, max_zoom=4.0, min_pixels=1600)
    assert preset_scores.changes(candidates.with_zoom(ranged, 2.0), ranged) == {
        "max_zoom": 2.0,
        "min_pixels": 400,
    }
    sized = InferenceConfig(zoom="auto", regions=False, object_size=40.0, min_pixels=100)
    assert preset_scores.changes(candidates.with_zoom(sized, 20.0), sized) == {
        "object_size": 20.0,
        "min_pixels": 25,
    }


def test_the_median_object_stays_larger_than_min_pixels():
    sized = InferenceConfig(zoom="auto", regions=False, object_size=40.0, min_pixels=240)
    found = candidates.of("min_pixels", sized, candidates.Setting(sized, (1, 2)))
    assert [config.min_pixels for config in found][-3:] == [720, 960, 1256]
