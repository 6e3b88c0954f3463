"""The benchmark of cold starts: a row for each program; no speeds."""

import json
import os
from unittest import mock

import pytest
from faults import scene
from running import ON_CPU, ROOT, run_program

from affinity_seg import cli
from benchmarks import start_up


@pytest.mark.long
def test_each_program_has_a_row(tmp_path):
    small = scene.write(str(tmp_path / "scene"), 1)
    (item,) = small.items()
    result = run_program(
        "-m benchmarks.start_up", ROOT, f"--model={small.checkpoint}", f"--preset={small.preset}",
        f"--input={item.image_path}", f"--output_dir={tmp_path}/out", "--repetitions=1", **ON_CPU,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["program"].split()[-1] for row in rows] == [
        "tensorflow", "--help", "--help", "--help", "segment",
    ]  # fmt: skip
    assert all(row["cpu"] > 0 and row["wall"] > 0 for row in rows)


def test_no_segmentation_finds_the_results_of_another(tmp_path):
    found_there = []

    def measure(command):
        folder = command[-1].removeprefix("--output_dir=")
        if folder != command[-1]:
            found_there.append(os.listdir(folder))
            with open(os.path.join(folder, "result.json"), "w", encoding="utf-8"):
                pass
        return {"cpu": 1.0, "wall": 1.0}

    flags = ["--model=nuclei", "--input=a.png", f"--output_dir={tmp_path}", "--repetitions=3"]
    with mock.patch.object(start_up, "_measure", measure):
        cli.run(start_up, flags)
    assert found_there == [[], [], []]
