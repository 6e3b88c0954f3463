"""The benchmark of pictures with a bright disc: a row for each diameter."""

import json

import numpy as np
import pytest
from faults import scene
from running import ON_CPU, ROOT, run_program

from benchmarks import dirt


@pytest.mark.long
def test_each_disc_has_a_row(tmp_path):
    small = scene.write(str(tmp_path / "scene"), 1)
    result = run_program(
        "-m benchmarks.dirt", ROOT, f"--model={small.checkpoint}",
        f"--preset={small.preset}", f"--input={small.data_dir}", f"--output_dir={tmp_path}/out",
        "--images=1", "--diameters=0,20", **ON_CPU,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["picture"] for row in rows] == ["disc of 0 pixels", "disc of 20 pixels"]
    assert all(0 <= row["mean"] <= 1 and row["seconds"] > 0 for row in rows)


def test_a_diameter_is_a_whole_number(tmp_path):
    result = run_program("-m benchmarks.dirt", ROOT, "--input=x", "--diameters=1,a", **ON_CPU)
    assert result.returncode
    assert "`--diameters` must be whole numbers of pixels: a" in result.stderr


def test_the_disc_is_white_and_in_the_middle():
    drawn = dirt._with_disc(np.zeros((9, 12, 3), np.uint8), 4)()
    assert drawn.dtype == np.uint8 and set(np.unique(drawn)) == {0, 255}
    y, x = np.nonzero(drawn[..., 0])
    assert (y.min(), y.max(), x.min(), x.max()) == (3, 5, 4, 7) and len(y) == 12
