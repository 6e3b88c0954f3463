"""The folder of result files."""

import os

import numpy as np
import pytest
from scenes import BUS, CAR, TWO_IDS, boxes, instances, write_two

from affinity_seg import files
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.evaluation import result_reading, result_writing, results

NAME = "aachen_000000_000019"


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "results")


def test_reader_returns_what_was_written(folder):
    write_two(folder, NAME)
    first, second = result_reading.read_result(folder, NAME, CITYSCAPES, (20, 30))
    np.testing.assert_array_equal(first.mask, TWO_IDS == 1)
    np.testing.assert_array_equal(second.mask, TWO_IDS == 2)
    assert (first.class_index, second.class_index) == (CAR, BUS)
    assert np.float32(second.score) == np.float32(1 / 3)


def test_image_without_instances_is_done_and_empty(folder):
    assert not results.is_done(folder, NAME)
    result_writing.write_result(folder, NAME, instances(np.zeros((4, 4), int), [], []), CITYSCAPES)
    assert results.is_done(folder, NAME)
    assert result_reading.read_result(folder, NAME, CITYSCAPES) == []


def test_source_is_of_the_result_that_is_there(folder):
    one = instances(boxes(20, 30, (0, 0, 2, 2)), [CAR], [0.5])
    assert results.read_source(folder, NAME) is None
    result_writing.write_result(folder, NAME, one, CITYSCAPES, "0a1b")
    assert results.read_source(folder, NAME) == "0a1b"
    result_writing.write_result(folder, NAME, one, CITYSCAPES)
    assert results.read_source(folder, NAME) is None


def test_leftovers_of_a_killed_run_are_removed(folder):
    write_two(folder, NAME)
    for path in (os.path.join(folder, ".tmp-1-x"), os.path.join(folder, "masks", ".tmp-2-y")):
        files.write_bytes(path, b"")
        os.utime(path, (0, 0))
    results.remove_leftovers(folder)
    assert sorted(os.listdir(folder)) == [f"{NAME}_pred.txt", "masks"]
    assert len(os.listdir(os.path.join(folder, "masks"))) == 2
