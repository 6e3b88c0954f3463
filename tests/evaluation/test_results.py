"""Result files: what is written, what is refused, what the reader says."""

import os
import re

import cv2
import numpy as np
import pytest
from scenes import BUS, CAR, boxes, instances

from affinity_seg import files
from affinity_seg.evaluation import result_reading, result_writing, results
from affinity_seg.labels import CITYSCAPES
from affinity_seg.ops import Candidates

NAME = "aachen_000000_000019"
IDS = boxes(20, 30, (0, 0, 5, 6), (8, 10, 20, 30))


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "results")


def _write(folder, name=NAME):
    result_writing.write_result(folder, name, instances(IDS, [CAR, BUS], [0.9, 1 / 3]), CITYSCAPES)


def _noise(height, width):
    """Returns a mask file of random pixels, long enough to be cut within them."""
    pixels = np.random.default_rng(0).integers(0, 2, (height, width), np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


def _text(folder, content):
    files.write_bytes(results.result_path(folder, NAME), content.encode())


def test_candidates_have_a_mask_each(folder):
    found = instances(IDS, [CAR, BUS], [0.9, 0.5])
    listed = Candidates(np.int32([1, 1, 2]), np.int32([CAR, BUS, BUS]), np.float32([0.9, 0.3, 0.5]))
    result_writing.write_result(folder, NAME, found, CITYSCAPES, candidates=listed)
    read = result_reading.read_result(folder, NAME, CITYSCAPES)
    assert [p.class_index for p in read] == [CAR, BUS, BUS]
    np.testing.assert_allclose([p.score for p in read], [0.9, 0.3, 0.5])
    for prediction, mask_id in zip(read, (1, 1, 2), strict=True):
        np.testing.assert_array_equal(prediction.mask, mask_id == IDS)
    assert (
        len({line.mask_path for line in result_reading.read_lines(folder, NAME, CITYSCAPES)}) == 3
    )


def test_files_are_those_of_the_cityscapes_format(folder):
    _write(folder)
    with open(os.path.join(folder, f"{NAME}_pred.txt"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert [line.split(" ")[:2] for line in lines] == [
        [f"masks/{NAME}_0000.png", "26"],
        [f"masks/{NAME}_0001.png", "28"],
    ]
    mask = cv2.imread(os.path.join(folder, "masks", f"{NAME}_0001.png"), cv2.IMREAD_UNCHANGED)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, np.where(IDS == 2, 255, 0))


def test_reader_returns_what_was_written(folder):
    _write(folder)
    first, second = result_reading.read_result(folder, NAME, CITYSCAPES, (20, 30))
    np.testing.assert_array_equal(first.mask, IDS == 1)
    np.testing.assert_array_equal(second.mask, IDS == 2)
    assert (first.class_index, second.class_index) == (CAR, BUS)
    assert np.float32(second.score) == np.float32(1 / 3)


def test_image_without_instances_is_done_and_empty(folder):
    assert not results.is_done(folder, NAME)
    result_writing.write_result(folder, NAME, instances(np.zeros((4, 4), int), [], []), CITYSCAPES)
    assert results.is_done(folder, NAME)
    assert result_reading.read_result(folder, NAME, CITYSCAPES) == []


def test_text_file_is_written_last(folder, monkeypatch):
    _write(folder)
    written = []
    write = files.write_bytes

    def record(path, content):
        assert not results.is_done(folder, NAME)
        written.append(os.path.basename(path))
        write(path, content)

    monkeypatch.setattr(files, "write_bytes", record)
    _write(folder)
    assert written == [f"{NAME}_0000.png", f"{NAME}_0001.png", f"{NAME}_pred.txt"]


def test_rewriting_removes_own_stale_masks_only(folder):
    _write(folder)
    _write(folder, NAME + "_0001")
    one = instances(boxes(20, 30, (0, 0, 2, 2)), [CAR], [0.5])
    result_writing.write_result(folder, NAME, one, CITYSCAPES)
    assert sorted(os.listdir(os.path.join(folder, "masks"))) == [
        f"{NAME}_0000.png",
        f"{NAME}_0001_0000.png",
        f"{NAME}_0001_0001.png",
    ]
    assert len(result_reading.read_result(folder, NAME, CITYSCAPES)) == 1
    assert len(result_reading.read_result(folder, NAME + "_0001", CITYSCAPES)) == 2


@pytest.mark.parametrize(
    ("ids", "classes", "scores", "message"),
    [
        (IDS, [26, BUS], [1, 1], r"class indices in \[1, 8\], not label ids: 26 \(instance 1\)"),
        (IDS, [0, BUS], [1, 1], "class indices"),
        (IDS, [CAR, BUS], [1, np.nan], r"`scores` must be finite: nan \(instance 2\)"),
        (IDS, [CAR, BUS, BUS], [1, 1, 1], "the mask of instance 3 must not be empty"),
        (IDS, [CAR], [1], r"`instance_ids` must be 0 or an instance 1\.\.1: \[2\]"),
        (IDS, [CAR, BUS], [1], "`scores` must have one entry per instance, 2: 1"),
        (IDS[None], [CAR, BUS], [1, 1], r"`instance_ids` must be integers \[H, W\]"),
    ],
)
def test_bad_instances_are_refused_before_anything_is_written(
    folder, ids, classes, scores, message
):
    with pytest.raises(ValueError, match=message):
        result_writing.write_result(folder, NAME, instances(ids, classes, scores), CITYSCAPES)
    assert not os.path.exists(folder)


def test_name_with_a_folder_is_refused(folder):
    with pytest.raises(ValueError, match="`name`: the key of an image must be a name"):
        _write(folder, "aachen/x")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("masks/{}_0000.png 26", ':2: a line must be "<mask path> <label id> <score>"'),
        ("masks/{}_0000.png car 0.5", ':2: a line must be "<mask path> <label id> <score>"'),
        ("masks/{}_0000.png 3 0.5", r":2: the label id must be one of \(24, .*: 3"),
        ("masks/{}_0000.png 26 nan", ":2: the score must be finite: nan"),
        ("../{}_0000.png 26 0.5", ":2: must lie in the folder"),
    ],
)
def test_bad_line_is_named_by_file_and_number(folder, line, message):
    _write(folder)
    _text(folder, f"masks/{NAME}_0001.png 28 0.5\n{line.format(NAME)}\n")
    with pytest.raises(ValueError, match=re.escape(f"{NAME}_pred.txt") + message):
        result_reading.read_result(folder, NAME, CITYSCAPES)


@pytest.mark.parametrize("label", [26, 28])
@pytest.mark.parametrize(
    "again", ["masks/{}_0000.png", "./masks/{}_0000.png", "masks/../masks//{}_0000.png", "link.png"]
)
def test_a_mask_file_that_is_listed_twice_is_refused(folder, again, label):
    _write(folder)
    os.symlink(f"masks/{NAME}_0000.png", os.path.join(folder, "link.png"))
    _text(folder, f"masks/{NAME}_0000.png 26 0.5\n{again.format(NAME)} {label} 0.4\n")
    message = rf"{NAME}_pred.txt:2: each line must have a mask file of its own.* of line 1"
    with pytest.raises(ValueError, match=message):
        result_reading.read_lines(folder, NAME, CITYSCAPES)
    with pytest.raises(ValueError, match=message):
        result_reading.read_result(folder, NAME, CITYSCAPES)


def test_source_is_of_the_result_that_is_there(folder):
    one = instances(boxes(20, 30, (0, 0, 2, 2)), [CAR], [0.5])
    assert results.read_source(folder, NAME) is None
    result_writing.write_result(folder, NAME, one, CITYSCAPES, "0a1b")
    assert results.read_source(folder, NAME) == "0a1b"
    result_writing.write_result(folder, NAME, one, CITYSCAPES)
    assert results.read_source(folder, NAME) is None


def test_text_that_is_not_utf8_is_named(folder):
    files.write_bytes(results.result_path(folder, NAME), b"\xff")
    with pytest.raises(ValueError, match=r"_pred\.txt: the file must be UTF-8"):
        result_reading.read_result(folder, NAME, CITYSCAPES)


def test_missing_result_and_missing_mask_are_named(folder):
    with pytest.raises(FileNotFoundError, match=f"no result for image '{NAME}'"):
        result_reading.read_result(folder, NAME, CITYSCAPES)
    _text(folder, f"masks/{NAME}_0007.png 26 0.5\n")
    with pytest.raises(FileNotFoundError, match=r"_pred.txt:1: the mask is missing: .*_0007.png"):
        result_reading.read_result(folder, NAME, CITYSCAPES)


def test_bad_masks_are_named(folder):
    _write(folder)
    with pytest.raises(ValueError, match=r"_0000.png: the mask must be 21x30 .* 20x30"):
        result_reading.read_result(folder, NAME, CITYSCAPES, (21, 30))
    mask = os.path.join(folder, "masks", f"{NAME}_0001.png")
    cv2.imwrite(mask, np.zeros((20, 30), np.uint8))
    with pytest.raises(ValueError, match=r"_0001.png: the mask must not be empty"):
        result_reading.read_result(folder, NAME, CITYSCAPES)
    cv2.imwrite(mask, np.ones((20, 30), np.uint16))
    with pytest.raises(ValueError, match=r"_0001.png: a mask must be an 8-bit PNG"):
        result_reading.read_result(folder, NAME, CITYSCAPES)
    cv2.imwrite(mask, np.ones((20, 31), np.uint8))
    with pytest.raises(ValueError, match=r"_0001.png: the mask must be 20x30 .*_0000.png: 20x31"):
        result_reading.read_result(folder, NAME, CITYSCAPES)
    for content, message in ((b"", "not a PNG"), (_noise(20, 30)[:-40], "damaged or cut")):
        files.write_bytes(mask, content)
        with pytest.raises(ValueError, match=rf"_0001.png: .*{message}"):
            result_reading.read_result(folder, NAME, CITYSCAPES)
    os.remove(mask)
    os.mkdir(mask)
    with pytest.raises(FileNotFoundError, match=r"_pred.txt:2: the mask is missing: .*_0001.png"):
        result_reading.read_result(folder, NAME, CITYSCAPES)


def test_leftovers_of_a_killed_run_are_removed(folder):
    _write(folder)
    for path in (os.path.join(folder, ".tmp-1-x"), os.path.join(folder, "masks", ".tmp-2-y")):
        files.write_bytes(path, b"")
        os.utime(path, (0, 0))
    results.remove_leftovers(folder)
    assert sorted(os.listdir(folder)) == [f"{NAME}_pred.txt", "masks"]
    assert len(os.listdir(os.path.join(folder, "masks"))) == 2
