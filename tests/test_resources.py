"""Presets, class tables and flagfiles by their bare names, from any folder."""

import os

import pytest

from affinity_seg import class_tables, resources
from affinity_seg.configs import inference


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_every_preset_and_class_table_has_a_name():
    for name in resources.names(resources.PRESETS, ".yaml"):
        path = os.path.join(resources.root(), "configs", "presets", f"{name}.yaml")
        assert inference.load_config(name) == inference.load_config(path)
    assert resources.names(resources.CLASS_TABLES, ".yaml") == ["nuclei"]
    assert class_tables.load_class_table("nuclei").name == "nuclei"


def test_a_path_from_the_root_is_found_from_anywhere_but_the_current_folder_comes_first(tmp_path):
    path = "configs/presets/demo.yaml"
    assert inference.load_config(path) == inference.load_config("demo")
    (tmp_path / "configs" / "presets").mkdir(parents=True)
    (tmp_path / path).write_text("min_pixels: 7\n")
    assert inference.load_config(path).min_pixels == 7
    assert inference.load_config("demo").min_pixels != 7


def test_unknown_names_list_what_there_is():
    with pytest.raises(FileNotFoundError, match=r"one of \['demo', 'nuclei', .*: papers_best$"):
        inference.load_config("papers_best")
    with pytest.raises(FileNotFoundError, match=r"\['cityscapes', 'cityscapes_19', 'nuclei'\]"):
        class_tables.load_class_table("nucleus")
