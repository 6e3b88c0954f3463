"""The archive for the Cityscapes benchmark: its content, and everything that is refused."""

import io
import os
import stat
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image
from scenes import CAR, CELLS, boxes, write_boxes
from streets import LEFT, NAMES, SIZE, write_image, write_streets

from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.data import listing
from affinity_seg.evaluation import cityscapes, results
from affinity_seg.export.cityscapes_zip import write_zip
from affinity_seg.pipeline.filters import InstanceFilter


@pytest.fixture
def streets(tmp_path):
    """Items, folder of results and path of the archive."""
    return *write_streets(tmp_path), str(tmp_path / "out" / "cityscapes_val.zip")


def _write(streets, **arguments):
    items, results_dir, path = streets
    return write_zip(items, results_dir, CITYSCAPES, path, **arguments)


def test_the_official_program_gives_the_same_ap(streets, tmp_path):
    assert _write(streets) == 8
    items, results_dir, path = streets
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unzipped")
    scores = cityscapes.evaluate(items, str(tmp_path / "unzipped"), CITYSCAPES)
    assert scores == cityscapes.evaluate(items, results_dir, CITYSCAPES)
    assert 0 < scores["ap"] < 1


def test_the_archive_holds_text_files_and_masks_only(streets):
    results_dir = streets[1]
    os.makedirs(os.path.join(results_dir, "sources"))
    for other in ("fingerprint.json", f"sources/{NAMES[0]}.sha256", "masks/other_0000.png"):
        with open(os.path.join(results_dir, other), "w", encoding="utf-8") as file:
            file.write("{}")
    _write(streets)
    with zipfile.ZipFile(streets[2]) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            f"{NAMES[0]}_pred.txt",
            *(f"masks/{NAMES[0]}_000{i}.png" for i in range(4)),
            f"{NAMES[1]}_pred.txt",
            *(f"masks/{NAMES[1]}_000{i}.png" for i in range(3)),
            f"{NAMES[2]}_pred.txt",
            f"masks/{NAMES[2]}_0000.png",
        ]
        lines = archive.read(f"{NAMES[1]}_pred.txt").decode().splitlines()
        assert lines == [
            f"masks/{NAMES[1]}_0000.png 28 0.333333333",
            f"masks/{NAMES[1]}_0001.png 24 0.7",
            f"masks/{NAMES[1]}_0002.png 24 0.2",
        ]
        mask = Image.open(io.BytesIO(archive.read(f"masks/{NAMES[0]}_0000.png")))
        assert mask.mode == "L"
        np.testing.assert_array_equal(mask, 255 * boxes(*SIZE, LEFT))
        assert {stat.S_IMODE(e.external_attr >> 16) for e in archive.infolist()} == {0o644}
        assert {e.date_time for e in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_equal_results_give_equal_bytes(streets, tmp_path):
    _write(streets)
    with open(streets[2], "rb") as file:
        first = file.read()
    # Older or newer files, and masks of other bytes but the same pixels.
    for root, _, names in os.walk(streets[1]):
        for name in names:
            path = os.path.join(root, name)
            if name.endswith(".png"):
                pixels = cv2.imread(path, cv2.IMREAD_UNCHANGED)
                cv2.imwrite(path, np.minimum(pixels, 1), [cv2.IMWRITE_PNG_COMPRESSION, 9])
            os.utime(path, (0, 0))
    _write(streets)
    with open(streets[2], "rb") as file:
        assert file.read() == first


def test_the_filter_leaves_empty_text_files(streets):
    assert _write(streets, instance_filter=InstanceFilter(min_score=0.75)) == 2
    with zipfile.ZipFile(streets[2]) as archive:
        assert len(archive.namelist()) == 5
        lines = archive.read(f"{NAMES[0]}_pred.txt").decode().split("\n")
        assert lines[1] == f"masks/{NAMES[0]}_0001.png 26 0.75"
        assert archive.read(f"{NAMES[2]}_pred.txt") == b""


def _damage_mask(results_dir, pixels):
    path = os.path.join(results_dir, "masks", f"{NAMES[1]}_0001.png")
    content = b"\x89PNG" if pixels is None else cv2.imencode(".png", pixels)[1].tobytes()
    with open(path, "wb") as file:
        file.write(content)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (None, "not a PNG file"),
        (np.ones(SIZE, np.uint16), "must be an 8-bit PNG of one channel"),
        (np.ones((*SIZE, 3), np.uint8), "must be an 8-bit PNG of one channel"),
        (np.ones((60, 99), np.uint8), r"must be 60x100 pixels .*: 60x99"),
        (np.zeros(SIZE, np.uint8), "must not be empty"),
    ],
)
def test_a_wrong_mask_is_named_and_the_older_archive_stays(streets, pixels, message):
    _write(streets)
    with open(streets[2], "rb") as file:
        before = file.read()
    _damage_mask(streets[1], pixels)
    with pytest.raises(ValueError, match=rf"{NAMES[1]}_0001\.png: .*{message}"):
        _write(streets)
    with open(streets[2], "rb") as file:
        assert file.read() == before
    assert os.listdir(os.path.dirname(streets[2])) == ["cityscapes_val.zip"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"masks/{NAMES[1]}_0000.png 7 0.5", r"the label id must be one of \(24, .*: 7"),
        (f"../results/../{NAMES[1]}.png 26 0.5", "must lie in the folder"),
        (f"/masks/{NAMES[1]}_0000.png 26 0.5", "must lie in the folder"),
        (f"masks/{NAMES[1]}_0000.png 26 inf", "the score must be finite: inf"),
    ],
)
def test_a_wrong_line_is_named(streets, line, message):
    with open(results.result_path(streets[1], NAMES[1]), "a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match=rf"{NAMES[1]}_pred\.txt:4: {message}"):
        _write(streets)
    assert not os.listdir(os.path.dirname(streets[2]))


def test_all_missing_images_are_listed(streets):
    for name in NAMES[:2]:
        os.remove(results.result_path(streets[1], name))
    with pytest.raises(FileNotFoundError, match=rf"2 of 3 (.|\n)*{NAMES[0]}(.|\n)*{NAMES[1]}"):
        _write(streets)


@pytest.mark.parametrize(
    "name", ["berlin mitte_000000_000019", "berlin_000000", "berlin_0_19", "a_b_000000_000019"]
)
def test_names_that_the_benchmark_cannot_find_are_refused(tmp_path, name):
    write_image(tmp_path / "data", "val", name)
    items = listing.list_images(str(tmp_path / "data"), "cityscapes", "val")
    write_boxes(str(tmp_path), items[0], CITYSCAPES, SIZE, (CAR, 0.5, LEFT))
    with pytest.raises(ValueError, match=f"{name}_leftImg8bit.png: .* without blanks: '{name}'"):
        write_zip(items, str(tmp_path), CITYSCAPES, str(tmp_path / "x.zip"))


def test_other_classes_are_refused(streets):
    items, results_dir, path = streets
    with pytest.raises(ValueError, match="'cells': the Cityscapes evaluation needs the classes"):
        write_zip(items, results_dir, CELLS, path)


def test_a_killed_run_leaves_the_older_archive(streets, monkeypatch):
    _write(streets)
    with open(streets[2], "rb") as file:
        before = file.read()
    calls = []

    def killed(mask):
        calls.append(mask)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return b"half"

    monkeypatch.setattr(results, "encode_mask", killed)
    with pytest.raises(KeyboardInterrupt):
        _write(streets)
    with open(streets[2], "rb") as file:
        assert file.read() == before
    assert os.listdir(os.path.dirname(streets[2])) == ["cityscapes_val.zip"]


def test_a_place_that_cannot_be_written_is_named(streets, tmp_path):
    (tmp_path / "file").write_text("no folder")
    items, results_dir, _ = streets
    with pytest.raises(OSError, match=r"file/out"):
        write_zip(items, results_dir, CITYSCAPES, str(tmp_path / "file" / "out" / "x.zip"))
