"""Result files as they are written, and instances that are refused."""

import os

import cv2
import numpy as np
import pytest
from scenes import BUS, CAR, TWO_IDS, boxes, instances, write_two

from affinity_seg import files
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.evaluation import result_reading, result_writing, results
from affinity_seg.ops import Candidates

NAME = "aachen_000000_000019"


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "results")


def test_candidates_have_a_mask_each(folder):
    found = instances(TWO_IDS, [CAR, BUS], [0.9, 0.5])
    listed = Candidates(np.int32([1, 1, 2]), np.int32([CAR, BUS, BUS]), np.float32([0.9, 0.3, 0.5]))
    result_writing.write_result(folder, NAME, found, CITYSCAPES, candidates=listed)
    read = result_reading.read_result(folder, NAME, CITYSCAPES)
    assert [p.class_index for p in read] == [CAR, BUS, BUS]
    np.testing.assert_allclose([p.score for p in read], [0.9, 0.3, 0.5])
    for prediction, mask_id in zip(read, (1, 1, 2), strict=True):
        np.testing.assert_array_equal(prediction.mask, mask_id == TWO_IDS)
    assert (
        len({line.mask_path for line in result_reading.read_lines(folder, NAME, CITYSCAPES)}) == 3
    )


def test_files_are_those_of_the_cityscapes_format(folder):
    write_two(folder, NAME)
    with open(os.path.join(folder, f"{NAME}_pred.txt"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert [line.split(" ")[:2] for line in lines] == [
        [f"masks/{NAME}_0000.png", "26"],
        [f"masks/{NAME}_0001.png", "28"],
    ]
    mask = cv2.imread(os.path.join(folder, "masks", f"{NAME}_0001.png"), cv2.IMREAD_UNCHANGED)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, np.where(TWO_IDS == 2, 255, 0))


def test_text_file_is_written_last(folder, monkeypatch):
    write_two(folder, NAME)
    written = []
    write = files.write_bytes

    def record(path, content):
        assert not results.is_done(folder, NAME)
        written.append(os.path.basename(path))
        write(path, content)

    monkeypatch.setattr(files, "write_bytes", record)
    write_two(folder, NAME)
    assert written == [f"{NAME}_0000.png", f"{NAME}_0001.png", f"{NAME}_pred.txt"]


def test_rewriting_removes_own_stale_masks_only(folder):
    write_two(folder, NAME)
    write_two(folder, NAME + "_0001")
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
        (
            TWO_IDS,
            [26, BUS],
            [1, 1],
            r"class indices in \[1, 8\], not label ids: 26 \(instance 1\)",
        ),
        (TWO_IDS, [0, BUS], [1, 1], "class indices"),
        (TWO_IDS, [CAR, BUS], [1, np.nan], r"`scores` must be finite: nan \(instance 2\)"),
        (TWO_IDS, [CAR, BUS, BUS], [1, 1, 1], "the mask of instance 3 must not be empty"),
        (TWO_IDS, [CAR], [1], r"`instance_ids` must be 0 or an instance 1\.\.1: \[2\]"),
        (TWO_IDS, [CAR, BUS], [1], "`scores` must have one entry per instance, 2: 1"),
        (TWO_IDS[None], [CAR, BUS], [1, 1], r"`instance_ids` must be integers \[H, W\]"),
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
        write_two(folder, "aachen/x")
