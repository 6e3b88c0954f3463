"""The models in models/: small, complete, listed, and used by their names."""

import os

import cv2
import numpy as np
import pytest
import tensorflow as tf
from absl import logging
from running import ROOT

import affinity_seg
from affinity_seg import model_folder, verbs

MODELS = model_folder.shipped()


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_small_and_holds_no_state_of_its_training(name):
    assert model_folder.megabytes(MODELS[name]) <= 8
    for folder in set(model_folder.read(name).network_dirs):
        types = tf.train.load_checkpoint(folder).get_variable_to_dtype_map()
        assert tf.float16 in types.values()
        assert not [key for key in types if "optimizer" in key.lower()]


@pytest.mark.parametrize("name", MODELS)
def test_the_verb_lists_it_and_shows_its_card(name, capsys):
    verbs.run("models", [])
    listed = capsys.readouterr().out
    assert f"{name}: " in listed and " MB\n" in listed
    for data in model_folder.read(name).scores:
        assert f"scores on {data}: " in listed
    verbs.run("models", [f"--name={name}"])
    card = capsys.readouterr().out
    with open(os.path.join(ROOT, "models", f"{name}.md"), encoding="utf-8") as file:
        assert card.startswith(file.read())  # Nothing in the card was changed by hand.
    assert "CC0" in card and "## Rebuild" in card


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"`--name` must be one of the models \['nuclei'\]: n$"):
        verbs.run("models", ["--name=n"])


def test_nuclei_segments_its_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture = os.path.join(ROOT, "models", "nuclei.png")
    assert os.path.getsize(picture) < 200_000
    found = affinity_seg.load("nuclei").segment(picture)
    assert found.instance_ids.shape == cv2.imread(picture).shape[:2]
    assert set(found.class_names) == {"nucleus"}
    assert 200 <= len(found.classes) <= 300  # 272 by its outlines.


@pytest.mark.parametrize("mean, deviation", [(10, 3), (60, 20), (120, 40)])
def test_nuclei_finds_nothing_in_noise(mean, deviation):
    noise = np.random.default_rng(1).normal(mean, deviation, (192, 192, 1))
    image = np.clip(noise, 0, 255).astype(np.uint8).repeat(3, axis=2)
    assert len(affinity_seg.load("nuclei").segment(image).classes) == 0


def _said(monkeypatch, tmp_path, *flags):
    """Returns the warnings of `segment` for the pictures in a folder."""
    said = []
    monkeypatch.setattr(logging, "warning", lambda text, *rest: said.append(text % rest))
    inputs = (f"--input={tmp_path / 'in'}", f"--output_dir={tmp_path / 'out'}", "--formats=json")
    verbs.run("segment", ["--model=nuclei", *inputs, *flags])
    return said


def test_of_several_stains_a_warning_names_the_picture_and_the_flag(tmp_path, monkeypatch):
    nuclei = cv2.imread(os.path.join(ROOT, "models", "nuclei.png"), cv2.IMREAD_GRAYSCALE)
    left, right = nuclei[:150, :200], nuclei[-150:, -200:]
    (tmp_path / "in").mkdir()
    grey, tinted = np.dstack([left] * 3), np.dstack([left, left // 3, left * 0])
    for name, picture in (("a_grey", grey), ("b_tinted", tinted)):
        cv2.imwrite(str(tmp_path / "in" / f"{name}.png"), picture)
    assert _said(monkeypatch, tmp_path) == []
    for name in "cd":  # BGR: nuclei in blue, something else in green.
        composite = np.dstack([left, right, left * 0])
        cv2.imwrite(str(tmp_path / "in" / f"{name}_stains.png"), composite)
    (warning,) = _said(monkeypatch, tmp_path)
    assert f"{tmp_path / 'in' / 'c_stains.png'}: channels 2 and 3 differ as different" in warning
    assert "choose it, such as `--channels=3` for blue" in warning
    chosen = (f"--output_dir={tmp_path / 'chosen'}", "--channels=3")
    assert _said(monkeypatch, tmp_path, *chosen) == []
