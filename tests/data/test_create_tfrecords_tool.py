"""`affinity_seg prepare` refuses what cannot be meant, with status and message."""

import json
import os
import unicodedata

import cv2
import numpy as np
import pytest
from running import run_verb

from affinity_seg.data import training_set_settings
from synthetic import streets

_TABLE = "name: cells\nclass_names: [background, cell]\nlabel_ids: [1]\nencoding: ids\n"


def _discs():
    """Twelve discs with the ids 20, 40, ..., uint8 [160, 160]."""
    stored = np.zeros((160, 160), np.uint8)
    for i in range(12):
        cv2.circle(stored, (20 + 40 * (i % 4), 20 + 40 * (i // 4)), 12, 20 * (i + 1), -1)
    return stored


@pytest.fixture
def folder(tmp_path):
    """Three images with their masks, and the class table."""
    for part in ("images", "instances"):
        os.makedirs(tmp_path / "set" / part)
    for name in "abc":
        _write(tmp_path, name, _discs())
    (tmp_path / "table.yaml").write_text(_TABLE)
    return tmp_path


def _write(folder, name, stored):
    image = np.full((*stored.shape[:2], 3), 99, np.uint8)
    for part, content in (("images", image), ("instances", stored)):
        assert cv2.imwrite(str(folder / "set" / part / f"{name}.png"), content)


def _create(folder, *arguments):
    return run_verb(
        "prepare", folder, "--input=set", "--layout=folder", "--split=train",
        "--num_shards=1", "--class_table=table.yaml", "--output_dir=out", *arguments,
    )  # fmt: skip


def _written(folder):
    return sorted(os.listdir(folder / "out")) if (folder / "out").is_dir() else []


def test_a_right_set_is_written_without_a_word(folder):
    (folder / "set" / "images" / ".DS_Store").write_bytes(b"\0")
    run = _create(folder)
    assert (run.returncode, run.stderr) == (0, "")
    assert "out: 3 images in 1 shards of train" in run.stdout


@pytest.mark.parametrize(
    ("mistake", "make", "says"),
    [
        (
            "binary_masks",
            lambda stored: np.uint8(255) * (stored > 0),
            "set/instances: 3 ids lie in 36 separate parts in 3 instance images",
        ),
        (
            "blended_masks",
            lambda stored: cv2.resize(stored, None, fx=2, fy=2),
            "set/instances: in 3 of 3 instance images ids are mixed at the borders of objects",
        ),
        (
            "skipped_images",
            None,
            "set/images: 2 pictures beside 3 images are not read",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_written(folder, mistake, make, says):
    for name in "abc" if make else ():
        _write(folder, name, make(_discs()))
    for name in () if make else ("d.jp2", "e.webp"):
        (folder / "set" / "images" / name).write_bytes(b"x")
    run = _create(folder)
    assert run.returncode == 1
    assert says in run.stderr and f"(--allow={mistake} if this is meant)" in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    assert _written(folder) == []
    run = _create(folder, f"--allow={mistake}")
    assert run.returncode == 0, run.stderr
    assert says in run.stderr
    assert _written(folder) == ["train-00000-of-00001.tfrecord"]


def test_an_unknown_mistake_is_refused(folder):
    run = _create(folder, "--allow=binary")
    assert run.returncode == 1
    assert "must name some of binary_masks, blended_masks, skipped_images: binary" in run.stderr
    assert _written(folder) == []


def test_a_mask_in_colours_is_listed_with_what_to_do(folder):
    colors = np.random.default_rng(0).integers(0, 255, (256, 3), np.uint8)
    cv2.imwrite(str(folder / "set" / "instances" / "b.png"), colors[_discs()])
    run = _create(folder)
    assert run.returncode == 3
    (entry,) = json.loads((folder / "out" / "rejected.json").read_text())
    assert entry["name"] == "b"
    assert "three channels, RGB; 13 colours: save a number for each object" in entry["reason"]


def test_a_name_in_the_other_form_of_unicode(folder):
    name = unicodedata.normalize("NFC", "fünf")
    _write(folder, name, _discs())
    image = folder / "set" / "images" / f"{name}.png"
    image.rename(image.with_name(unicodedata.normalize("NFD", image.name)))
    run = _create(folder)
    assert (run.returncode, run.stderr) == (0, "")
    assert "out: 4 images in 1 shards of train" in run.stdout


def test_a_name_that_is_not_utf8_is_listed(folder):
    _write(folder, "d", _discs())
    for part in ("images", "instances"):
        file = os.fsencode(folder / "set" / part / "d.png")
        os.rename(file, file.replace(b"d.png", b"\xe9.png"))
    run = _create(folder)
    assert run.returncode == 3
    assert "out: 3 images in 1 shards of train" in run.stdout
    (entry,) = json.loads((folder / "out" / "rejected.json").read_text())
    assert os.fsencode(entry["file"]) == b"set/images/\xe9.png"
    assert entry["reason"] == (
        r"set/images/\udce9.png: the name of a file must be UTF-8: '\udce9.png'"
    )
    run = _create(folder, "--strict")
    assert run.returncode == 1
    assert r"set/images/\udce9.png: the name of a file must be UTF-8" in run.stderr


def test_streets_give_no_warning(tmp_path):
    streets.write_streets(str(tmp_path / "set"), {"train": 4}, seed=4, height=96, width=160)
    sets = f"--sets={','.join(training_set_settings.SETS)}"
    for arguments in ([], [sets, "--coarse_split=train", "--num_fine_patches=6"]):
        run = run_verb("prepare", tmp_path, "--input=set", "--split=train", "--output_dir=out",
                       "--num_shards=1", *arguments)  # fmt: skip
        assert (run.returncode, run.stderr) == (0, "")
