"""The benchmarks of versions of the same pictures: a row for each version."""

import json

import numpy as np
import pytest
from faults import scene
from running import ON_CPU, ROOT, run_program

from benchmarks import dirt


def _rows(tmp_path, program, *flags):
    """Returns what a benchmark writes of one picture."""
    small = scene.write(str(tmp_path / "scene"), 1)
    result = run_program(
        f"-m benchmarks.{program}", ROOT, f"--model={small.checkpoint}",
        f"--preset={small.preset}", f"--input={small.data_dir}", f"--output_dir={tmp_path}/out",
        "--images=1", *flags, **ON_CPU,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return json.loads((tmp_path / "out" / "results.json").read_text())


@pytest.mark.long
@pytest.mark.parametrize(
    ("program", "flag", "pictures"),
    [
        ("magnification", "--factors=1,0.5", ["1 times", "0.5 times"]),
        ("dirt", "--diameters=0,20", ["disc of 0 pixels", "disc of 20 pixels"]),
    ],
)
def test_each_version_has_a_row(tmp_path, program, flag, pictures):
    rows = _rows(tmp_path, program, flag)
    assert [row["picture"] for row in rows] == pictures
    assert all(0 <= row["mean"] <= 1 and row["seconds"] > 0 for row in rows)


@pytest.mark.long
def test_pictures_of_8_and_16_bits_have_a_row_each(tmp_path):
    rows = _rows(tmp_path, "bit_depth", "--noise=0")
    assert [row["picture"] for row in rows] == [
        "8 bits", "8 bits with noise", "16 bits, 0-255", "16 bits, 0-1000", "16 bits, 0-4000",
        "16 bits, 0-65535",
    ]  # fmt: skip
    assert rows[0]["mean"] == rows[1]["mean"] == rows[2]["mean"]


@pytest.mark.parametrize(
    ("program", "flag", "message"),
    [
        ("magnification", "--factors=1,a", "`--factors` must be numbers in [1/64, 64]: a"),
        ("dirt", "--diameters=1,a", "`--diameters` must be whole numbers of pixels: a"),
    ],
)
def test_versions_are_given_by_numbers(program, flag, message):
    result = run_program(f"-m benchmarks.{program}", ROOT, "--input=x", flag, **ON_CPU)
    assert result.returncode
    assert message in result.stderr


def test_the_disc_is_white_and_in_the_middle():
    drawn = dirt._with_disc(np.zeros((9, 12, 3), np.uint8), 4)()
    assert drawn.dtype == np.uint8 and set(np.unique(drawn)) == {0, 255}
    y, x = np.nonzero(drawn[..., 0])
    assert (y.min(), y.max(), x.min(), x.max()) == (3, 5, 4, 7) and len(y) == 12
