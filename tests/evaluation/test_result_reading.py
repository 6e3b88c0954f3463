"""Result files that are refused, and what the reader says of them."""

import os
import re

import cv2
import numpy as np
import pytest
from scenes import write_two

from affinity_seg import files
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.evaluation import result_reading, results

NAME = "aachen_000000_000019"


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "results")


def _text(folder, content):
    files.write_bytes(results.result_path(folder, NAME), content.encode())


def _noise(height, width):
    """Returns a mask file of random pixels, long enough to be cut within them."""
    pixels = np.random.default_rng(0).integers(0, 2, (height, width), np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


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
    write_two(folder, NAME)
    _text(folder, f"masks/{NAME}_0001.png 28 0.5\n{line.format(NAME)}\n")
    with pytest.raises(ValueError, match=re.escape(f"{NAME}_pred.txt") + message):
        result_reading.read_result(folder, NAME, CITYSCAPES)


@pytest.mark.parametrize("label", [26, 28])
@pytest.mark.parametrize(
    "again", ["masks/{}_0000.png", "./masks/{}_0000.png", "masks/../masks//{}_0000.png", "link.png"]
)
def test_a_mask_file_that_is_listed_twice_is_refused(folder, again, label):
    write_two(folder, NAME)
    os.symlink(f"masks/{NAME}_0000.png", os.path.join(folder, "link.png"))
    _text(folder, f"masks/{NAME}_0000.png 26 0.5\n{again.format(NAME)} {label} 0.4\n")
    message = rf"{NAME}_pred.txt:2: each line must have a mask file of its own.* of line 1"
    with pytest.raises(ValueError, match=message):
        result_reading.read_lines(folder, NAME, CITYSCAPES)
    with pytest.raises(ValueError, match=message):
        result_reading.read_result(folder, NAME, CITYSCAPES)


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
    write_two(folder, NAME)
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
