"""`segment` of a folder of pictures goes on where it was stopped."""

import contextlib
import csv
import functools
import json
import os

import cv2
import numpy as np
import pytest
import tifffile
from faults.scene import PRESET, write_network

from affinity_seg import verbs
from affinity_seg.configs import experiments
from affinity_seg.data import mistakes
from affinity_seg.export import formats
from affinity_seg.export.formats import imagej
from affinity_seg.export.formats.writer import SOURCE_FOLDER, Writer
from affinity_seg.pipeline import prediction_runs
from affinity_seg.pipeline.segmenter import Segmenter

_NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    (folder / "preset.yaml").write_text(PRESET)
    picture = np.zeros((96, 96, 3), np.uint8)
    write_network(folder / "semantic", experiments.SEMANTIC, picture)
    write_network(folder / "affinity", experiments.AFFINITY, picture)
    return folder


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch):
    """Each network is loaded only once, which takes seconds."""
    monkeypatch.setattr(prediction_runs, "load_network", _load_network)


_load_network = functools.cache(prediction_runs.load_network)


@pytest.fixture
def pictures(tmp_path):
    """Returns a folder of three pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed, name in enumerate(_NAMES):
        _write_picture(folder, name, seed)
    return folder


def _write_picture(folder, name, seed):
    noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    cv2.imwrite(str(folder / f"{name}.png"), cv2.resize(noise, (96, 96)))


@pytest.fixture
def segmented(monkeypatch):
    """Collects how many pictures were segmented; each entry is one."""
    found = []
    segment = Segmenter.segment

    def counted(self, *arguments):
        found.append(1)
        return segment(self, *arguments)

    monkeypatch.setattr(Segmenter, "segment", counted)
    return found


def _run(networks, pictures, output, *flags):
    return verbs.run(
        "segment",
        [
            f"--input={pictures}",
            f"--model={networks}",
            f"--preset={networks}/preset.yaml",
            f"--output_dir={output}",
            f"--formats={','.join(formats.FORMATS)}",
            *flags,
        ],
    )


def _tree(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}


@contextlib.contextmanager
def _stopped_at(monkeypatch, stopped, place):
    """Interrupts the program before, or while, it writes the files of a picture."""
    write = Writer.write

    def interrupted(self, name, converted, source=None):
        if name != stopped:
            return write(self, name, converted, source)
        if place == "while":
            write(self, name, dict(list(converted.items())[:3]))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Writer, "write", interrupted)
        yield


@pytest.mark.parametrize("place", ["before", "while"])
def test_an_interrupted_run_goes_on(networks, pictures, segmented, tmp_path, monkeypatch, place):
    assert _run(networks, pictures, tmp_path / "whole") == 0
    whole = _tree(tmp_path / "whole")
    assert sum(path.parts[0] != SOURCE_FOLDER for path in whole) == 7 * 3 + 2
    segmented.clear()
    with _stopped_at(monkeypatch, "b", place):
        _run(networks, pictures, tmp_path / "out")
    assert not (tmp_path / "out" / "measurements.csv").exists() and len(segmented) == 2
    segmented.clear()
    assert _run(networks, pictures, tmp_path / "out") == 0
    assert len(segmented) == 2 and _tree(tmp_path / "out") == whole


def test_only_what_has_changed_is_segmented(networks, pictures, segmented, tmp_path, capsys):
    out = tmp_path / "out"
    assert _run(networks, pictures, out) == 0
    first = _tree(out)
    segmented.clear()
    assert _run(networks, pictures, out) == 0
    assert not segmented and _tree(out) == first
    assert "out: 3 of 3 pictures were there already" in capsys.readouterr().out
    _write_picture(pictures, "b", seed=7)
    os.remove(out / "c_rois.zip")
    assert _run(networks, pictures, out) == 0
    assert len(segmented) == 2
    changed = {path.name for path, content in _tree(out).items() if first[path] != content}
    assert {"b.json", "b_instances.json", "measurements.csv"} <= changed
    assert not any(name.startswith(("a", "c")) for name in changed)


@pytest.mark.parametrize("flag", ["--override=min_pixels=30", "--pixel_size=0.5", "--channels=1"])
def test_other_settings_make_everything_anew(networks, pictures, segmented, tmp_path, flag):
    _run(networks, pictures, tmp_path / "out")
    segmented.clear()
    assert _run(networks, pictures, tmp_path / "out", flag) == 0
    assert len(segmented) == 3
    assert _run(networks, pictures, tmp_path / "alone", flag) == 0
    assert _tree(tmp_path / "out") == _tree(tmp_path / "alone")


def test_the_size_of_a_pixel_that_a_file_states(networks, pictures, tmp_path, capsys):
    """It is used and told; --pixel_size wins; the table has no micrometres of other pictures."""
    image = cv2.imread(str(pictures / "a.png"))[..., 0]
    for name, sides in (("a", (0.5, 0.5)), ("b", (0.5, 0.25)), ("c", None)):
        os.remove(pictures / f"{name}.png")
        sizes = dict(zip(("PhysicalSizeX", "PhysicalSizeY"), sides or (), strict=False))
        path = pictures / f"{name}.ome.tif"
        tifffile.imwrite(path, image, ome=True, metadata={"axes": "YX", **sizes})
    out = tmp_path / "out"
    assert _run(networks, pictures, out) == 0
    said = capsys.readouterr().out
    assert "a.ome.tif: a pixel has 0.5 micrometres, as the file states\n" in said
    assert "b.ome.tif: the file's size of a pixel, 0.5 x 0.25 micrometres, is not used" in said
    assert "square; give `--pixel_size`\n" in said and "c.ome.tif" not in said
    with open(out / "measurements.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["image"] for row in rows} == {"a", "b", "c"}
    for row in rows:
        wanted = f"{int(row['area_px']) / 4:.6g}" if row["image"] == "a" else ""
        assert row["area_um2"] == wanted
    assert tifffile.TiffFile(out / "a_labels.tif").pages[0].tags["XResolution"].value[0] == 20000
    assert _run(networks, pictures, tmp_path / "given", "--pixel_size=2") == 0
    assert "micrometres" not in capsys.readouterr().out
    with open(tmp_path / "given" / "measurements.csv", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            assert float(row["area_um2"]) == 4 * int(row["area_px"])
    assert _run(networks, pictures, tmp_path / "masks", "--formats=geojson") == 0
    assert "micrometres" not in capsys.readouterr().out


def test_another_format_is_added(networks, pictures, tmp_path):
    _run(networks, pictures, tmp_path / "out", "--formats=png")
    assert _run(networks, pictures, tmp_path / "out") == 0
    assert _run(networks, pictures, tmp_path / "whole") == 0
    assert _tree(tmp_path / "out") == _tree(tmp_path / "whole")


def test_files_of_other_settings_are_not_taken_for_those_of_these(
    networks, pictures, segmented, tmp_path
):
    """A file that is there counts only if it was made with these settings, not just by its name."""
    out, other = tmp_path / "out", "--override=min_pixels=30"
    _run(networks, pictures, out, "--formats=png,csv")
    _run(networks, pictures, out, "--formats=json,coco", other)
    segmented.clear()
    assert _run(networks, pictures, out, "--formats=png,json,csv,coco", other) == 0
    assert len(segmented) == 3
    _run(networks, pictures, tmp_path / "alone", "--formats=png,json,csv,coco", other)
    assert _tree(out) == _tree(tmp_path / "alone")


def test_files_of_an_earlier_run_are_named(networks, pictures, tmp_path, monkeypatch):
    warned = []
    monkeypatch.setattr(mistakes, "warn", warned.append)
    out = tmp_path / "out"
    _run(networks, pictures, out, "--formats=png,csv")
    _run(networks, pictures, out, "--formats=json")  # Of the same settings: they belong together.
    assert not warned
    (pictures / "c.png").write_bytes(b"no picture")
    _run(networks, pictures, out, "--formats=json")
    assert [text.count(str(out)) for text in warned] == [3], warned
    assert "c_instances.png" in warned[0] and "measurements.csv" in warned[0]
    _write_picture(pictures, "c", seed=2)
    _run(networks, pictures, out, "--formats=json", "--override=min_pixels=30")
    assert warned[1].startswith("4 files are of an earlier run with other settings or pictures: ")
    assert "a_instances.png" in warned[1] and "a_instances.json" not in warned[1]


def test_a_file_that_was_emptied_is_made_again(networks, pictures, segmented, tmp_path):
    _run(networks, pictures, tmp_path / "out")
    whole = _tree(tmp_path / "out")
    (tmp_path / "out" / "b_labels.tif").write_bytes(b"")
    segmented.clear()
    _run(networks, pictures, tmp_path / "out")
    assert len(segmented) == 1 and _tree(tmp_path / "out") == whole


def test_the_folder_of_the_pictures_is_refused(networks, pictures):
    with pytest.raises(ValueError, match="`--output_dir` must be another folder than `--input`"):
        _run(networks, pictures, pictures)
    assert len(list(pictures.iterdir())) == len(_NAMES)


def test_formats_that_were_added_one_by_one_are_all_there(networks, pictures, segmented, tmp_path):
    for chosen in ("png,csv", "json,coco"):
        _run(networks, pictures, tmp_path / "out", f"--formats={chosen}")
    segmented.clear()
    assert _run(networks, pictures, tmp_path / "out", "--formats=coco,csv,json,png") == 0
    assert not segmented


@pytest.mark.parametrize("content", [b"[]", b'{"source": 1', b'{"joined": {}}'])
def test_damaged_notes_are_made_anew(networks, pictures, segmented, tmp_path, content):
    _run(networks, pictures, tmp_path / "out")
    whole = _tree(tmp_path / "out")
    (tmp_path / "out" / SOURCE_FOLDER / "b.json").write_bytes(content)
    segmented.clear()
    assert _run(networks, pictures, tmp_path / "out") == 0
    assert len(segmented) == 1 and _tree(tmp_path / "out") == whole


def test_a_picture_that_a_format_cannot_hold_is_not_segmented(
    networks, pictures, segmented, tmp_path, monkeypatch
):
    monkeypatch.setattr(imagej, "MAX_SIDE", 95)
    assert _run(networks, pictures, tmp_path / "out") == 3
    assert not segmented
    listed = json.loads((tmp_path / "out" / "rejected.json").read_text())
    assert {entry["name"] for entry in listed} == set(_NAMES)
    assert "`--formats=imagej` height and width must be at most 95" in listed[0]["reason"]


def test_a_picture_that_can_no_longer_be_read_is_listed(networks, pictures, tmp_path):
    out = tmp_path / "out"
    _run(networks, pictures, out)
    (pictures / "b.png").write_bytes(b"no picture")
    assert _run(networks, pictures, out) == 3
    (refused,) = json.loads((out / "rejected.json").read_text())
    assert refused["name"] == "b"
    listed = json.loads((out / "instances_coco.json").read_text())["images"]
    assert [image["file_name"] for image in listed] == ["a.png", "c.png"]
