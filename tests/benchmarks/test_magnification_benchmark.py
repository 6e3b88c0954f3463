"""The benchmark of pictures that are enlarged and reduced: a row for each factor."""

import json

import pytest
from faults import scene
from running import ON_CPU, ROOT, run_program


@pytest.mark.long
def test_each_factor_has_a_row(tmp_path):
    small = scene.write(str(tmp_path / "scene"), 1)
    result = run_program(
        "-m benchmarks.magnification", ROOT, f"--model={small.checkpoint}",
        f"--preset={small.preset}", f"--input={small.data_dir}", f"--output_dir={tmp_path}/out",
        "--images=1", "--factors=1,0.5", **ON_CPU,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["picture"] for row in rows] == ["1 times", "0.5 times"]
    assert all(0 <= row["mean"] <= 1 and row["seconds"] > 0 for row in rows)


def test_a_factor_is_a_number(tmp_path):
    result = run_program(
        "-m benchmarks.magnification", ROOT, "--input=x", "--factors=1,a", **ON_CPU
    )
    assert result.returncode
    assert "`--factors` must be numbers in [1/64, 64]: a" in result.stderr
