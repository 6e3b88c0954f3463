"""model.yaml: what it says, what is kept, and what is refused."""

import pytest

from affinity_seg import model_folder, resources
from affinity_seg.configs.inference import load_config


@pytest.fixture
def folder(tmp_path):
    for kind in model_folder.KINDS:
        (tmp_path / kind).mkdir()
    return tmp_path


def test_what_is_written_comes_back_and_the_rest_stays(folder):
    described = model_folder.read(str(folder))
    assert described.preset is None and described.scores == {}
    config = load_config("nuclei", ["min_pixels=7"])
    model_folder.write(str(folder), preset=config, scores={"val": {"ap": 0.25}})
    model_folder.write(str(folder), scores={"test": {"ap": 0.5}})
    model_folder.write(str(folder), preset=config)
    scores = {"val": {"ap": 0.25}, "test": {"ap": 0.5}}
    assert model_folder.read(str(folder)).scores == scores
    (folder / "fine").mkdir()
    model_folder.write(str(folder), networks={"semantic": "fine"})
    described = model_folder.read(str(folder))
    assert described.config() == config
    assert described.config("demo", ["min_pixels=3"]) == load_config("demo", ["min_pixels=3"])
    assert described.network_dirs == (f"{folder}/fine", f"{folder}/affinity")
    assert described.scores == {}  # They were of the networks before.


def test_scores_of_another_preset_are_removed(folder):
    model_folder.write(str(folder), preset="nuclei", scores={"val": {"ap": 0.25}})
    model_folder.write(str(folder), preset="demo")
    assert model_folder.read(str(folder)).scores == {}


@pytest.mark.parametrize(
    "content, message",
    [
        ("networks: [a]", "`networks` must be a mapping"),
        ("networks: {sematic: a}", "`networks` must be a mapping of some of"),
        ("networks: {semantic: 3}", "`networks` must be names of folders"),
        ("preset: 3", "`preset` must be a name or a mapping"),
        ("scores: 3", "`scores` must be a mapping"),
        ("scores: {val: 27.2}", "`scores` must be a mapping of mappings"),
        ("weights: a", "must be a mapping of some of"),
        ("a", "must be a mapping of some of"),
        ("{", "model.yaml"),
    ],
)
def test_damage_is_named(folder, content, message):
    (folder / "model.yaml").write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        model_folder.read(str(folder))
    assert "model.yaml" in str(caught.value)


def test_wrong_fields_name_the_file(folder):
    (folder / "model.yaml").write_text("preset: {min_pixel: 3}")
    with pytest.raises(ValueError, match=r"model\.yaml: unknown field 'min_pixel'"):
        model_folder.read(str(folder)).config()


def test_a_name_is_that_of_a_shipped_model_unless_a_folder_holds_a_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nuclei = f"{resources.root()}/models/nuclei"
    assert model_folder.shipped()["nuclei"] == nuclei
    assert model_folder.read("nuclei").path == nuclei
    with pytest.raises(
        FileNotFoundError, match=r"one of the shipped models \['nuclei'\]: nucleus$"
    ):
        model_folder.read("nucleus")
    (tmp_path / "nuclei").mkdir()  # As of results: it holds no model.
    assert model_folder.read("nuclei").path == nuclei
    with pytest.raises(FileNotFoundError, match=r"with a model, since its model\.yaml .*: nuclei$"):
        model_folder.read_own("nuclei")
    (tmp_path / "nuclei" / "affinity").mkdir()
    with pytest.raises(FileNotFoundError, match="nuclei/semantic is missing"):
        model_folder.read("nuclei")
    (tmp_path / "nuclei" / "semantic").mkdir()
    assert model_folder.read("nuclei").path == "nuclei"
