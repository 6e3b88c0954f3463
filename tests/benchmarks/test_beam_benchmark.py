"""What benchmarks/beam.py concludes from what the programs wrote and how long they took."""

import os
import time

import pytest

from benchmarks import beam_suites


@pytest.fixture
def folders(tmp_path):
    for side in ("a", "b"):
        for name in ("predictions/x.tfrecord", "results/x_pred.txt", "results/masks/x_0000.png"):
            path = tmp_path / side / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
    return tmp_path / "a", tmp_path / "b"


def test_equal_folders(folders):
    assert beam_suites.compare(*map(str, folders)) == (3, [])


@pytest.mark.parametrize("side", [0, 1])
def test_a_byte_and_a_file_that_only_one_side_has_are_named(folders, side):
    (folders[side] / "results" / "masks" / "x_0000.png").write_text("results/masks/x_0001.png")
    (folders[side] / "predictions" / "y.tfrecord").write_text("")
    (folders[side] / "scores.json").write_text("Not of the results.")
    equal, different = beam_suites.compare(*map(str, folders))
    assert equal == 2
    assert different == ["predictions/y.tfrecord", "results/masks/x_0000.png"]


def test_ways_take_turns_and_are_compared_within_a_round(tmp_path):
    order = []

    def way(name, seconds):
        def run(folder):
            os.makedirs(folder)
            order.append(name)
            time.sleep(seconds)

        return run

    ways = {"slow": way("slow", 0.3), "fast": way("fast", 0.1)}
    rows = beam_suites.take_turns(str(tmp_path), 12, ways, "slow", repetitions=3)
    assert order == ["slow", "fast", "fast", "slow", "slow", "fast"]
    assert os.listdir(tmp_path) == []
    slow, fast = rows
    assert slow["way"] == "slow" and slow["speed"] == 1
    assert 2 < fast["speed"] < 4
    assert fast["images per second"] == 12 / fast["seconds"]
    assert 0.1 <= fast["seconds"] < slow["seconds"]
