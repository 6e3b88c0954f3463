"""Names from outside cannot lead out of the folder that is written or read."""

import os
import unicodedata

import cv2
import numpy as np
import pytest

from affinity_seg import files, names
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.evaluation import result_reading, result_writing, results
from affinity_seg.instances import Instances


def _instances():
    ids = np.zeros((6, 8), np.int32)
    ids[2:4, 2:6] = 1
    return Instances(
        instance_ids=ids,
        classes=np.array([3]),
        scores=np.array([0.5], np.float32),
        sizes=np.array([8]),
        boxes=np.array([[2, 2, 4, 6]]),
        votes=np.zeros((1, 0), np.int64),
    )


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", ".hidden", "a\nb", "a\0b", "ü" * 101],
)
def test_what_is_no_name_is_refused_and_its_place_named(name):
    with pytest.raises(ValueError, match=r"^list\.json: the key of an image must be a name"):
        names.check(name, "list.json")
    assert names.check("münster_000001 b..c", "list.json") == "münster_000001 b..c"


def test_what_is_not_utf8_is_refused_and_can_be_printed():
    for name in (os.fsdecode(b"\xe9"), "\ud800"):
        with pytest.raises(ValueError, match="must be UTF-8") as raised:
            names.check(name, f"images/{name}.png")
        assert str(raised.value).encode().startswith(b"images/\\ud")


@pytest.mark.parametrize("relative", ["../x.png", "/etc/passwd", "masks/../../x", "link/x", "a\0b"])
def test_a_name_in_a_file_stays_in_its_folder(tmp_path, relative):
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match=r"^x_pred\.txt:1: must lie in the folder"):
        names.inside(str(folder), relative, "x_pred.txt:1")
    inside = names.inside(str(folder), "masks/../masks/x.png", "x_pred.txt:1")
    assert inside == str(folder / "masks" / "x.png")


def test_results_are_not_written_through_a_link_that_was_placed_in_their_folder(tmp_path):
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "results"
    elsewhere.mkdir()
    folder.mkdir()
    (folder / "masks").symlink_to(elsewhere)
    with pytest.raises(
        ValueError, match=r"masks: must not lead out of .*results, but it is a link"
    ):
        result_writing.write_result(str(folder), "x", _instances(), CITYSCAPES)
    assert os.listdir(elsewhere) == [] and os.listdir(folder) == ["masks"]


def test_the_folder_itself_may_be_a_link_of_the_users(tmp_path):
    (tmp_path / "large_disk").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "large_disk")
    result_writing.write_result(str(tmp_path / "results"), "x", _instances(), CITYSCAPES)
    (found,) = result_reading.read_result(str(tmp_path / "results"), "x", CITYSCAPES)
    assert found.class_index == 3


def test_a_link_in_place_of_a_file_is_replaced_and_not_followed(tmp_path):
    target = tmp_path / "precious.txt"
    target.write_text("precious")
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "x_pred.txt").symlink_to(target)
    result_writing.write_result(str(folder), "x", _instances(), CITYSCAPES)
    assert target.read_text() == "precious"
    assert not (folder / "x_pred.txt").is_symlink()


def test_a_mask_behind_a_link_is_not_read(tmp_path):
    folder = tmp_path / "results"
    result_writing.write_result(str(folder), "x", _instances(), CITYSCAPES)
    (mask,) = (folder / "masks").iterdir()
    mask.rename(tmp_path / "mask.png")
    mask.symlink_to(tmp_path / "mask.png")
    with pytest.raises(ValueError, match=r"x_pred\.txt:1: must lie in the folder"):
        result_reading.read_result(str(folder), "x", CITYSCAPES)


def test_a_link_among_the_leftovers_goes_but_not_what_it_points_at(tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "x").write_text("precious")
    folder = tmp_path / "results"
    folder.mkdir()
    for name, target in ((".tmp-link", precious), (".tmp-nowhere", tmp_path / "missing")):
        (folder / name).symlink_to(target)
        os.utime(folder / name, (0, 0), follow_symlinks=False)
    files.remove_leftovers(str(folder))
    assert os.listdir(folder) == [] and (precious / "x").read_text() == "precious"


def test_a_mask_that_claims_to_be_huge_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    result_writing.write_result(str(tmp_path), "x", _instances(), CITYSCAPES)
    (mask,) = (tmp_path / "masks").iterdir()
    content = bytearray(mask.read_bytes())
    content[16:24] = (60000).to_bytes(4) * 2
    mask.write_bytes(content)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(ValueError, match=r"x_0000\.png: "):
        result_reading.read_result(str(tmp_path), "x", CITYSCAPES)


def test_results_are_found_under_either_form_of_a_name(tmp_path):
    nfc, nfd = (unicodedata.normalize(form, "zürich") for form in ("NFC", "NFD"))
    assert nfc != nfd and names.check(nfd, "list.json") == nfc
    folder = str(tmp_path)
    result_writing.write_result(folder, nfc, _instances(), CITYSCAPES, source="0")
    for path in (tmp_path, tmp_path / "masks", tmp_path / "sources"):  # as macOS may copy them
        for file in path.iterdir():
            file.rename(path / unicodedata.normalize("NFD", file.name))
    assert results.is_done(folder, nfc) and results.read_source(folder, nfc) == "0"
    (found,) = result_reading.read_result(folder, nfc, CITYSCAPES)
    assert found.class_index == 3
    assert names.find(str(tmp_path / "nöwhere")) == str(tmp_path / "nöwhere")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("cells 1_(a)+b-c.ome.tif", "cells 1_(a)+b-c.ome.tif"),
        ("../../cells.png", "cells.png"),
        ("..\\cells.png", "cells.png"),
        ("a/..", "picture"),
        ("...png", "png"),
        ("a\0b\n.png", "a_b_.png"),
        ("u\u0308.png", "\xfc.png"),
        ("\udcff.png", "_.png"),
        ("\xfc" * 300 + ".png", "\xfc" * 98 + ".png"),
        ("a." + "x" * 300, "a." + "x" * 9),
    ],
)
def test_a_name_from_elsewhere_becomes_one_without_folders(given, wanted):
    found = names.without_folders(given)
    assert found == wanted and len(found.encode()) <= 200
    assert names.without_folders(found) == found


def test_relative_names_stay_inside_of_the_data_set():
    nfc, nfd = (unicodedata.normalize(form, "zürich.png") for form in ("NFC", "NFD"))
    assert names.relative(f"./images\\{nfd}", "x") == f"images/{nfc}"
    assert names.relative("../images/a.png", "x", "labelme") == "images/a.png"
    for name in ("", "..", "../a.png", "/a.png", "C:\\a.png", "a/../../b.png", "a\0.png", "."):
        with pytest.raises(ValueError, match=r"^x must name a file inside of the folder of the"):
            names.relative(name, "x")
    for name in ("../../a.png", "/a.png", "D:a.png"):
        with pytest.raises(ValueError, match=r"^x must name"):
            names.relative(name, "x", "labelme")
