"""The benchmark of 16 bits: a row for each version of the pictures."""

import json

import pytest
from faults import scene
from running import ON_CPU, ROOT, run_program


@pytest.mark.long
def test_each_version_has_a_row(tmp_path):
    small = scene.write(str(tmp_path / "scene"), 1)
    result = run_program(
        "-m benchmarks.bit_depth", ROOT, f"--model={small.checkpoint}", f"--preset={small.preset}",
        f"--input={small.data_dir}", f"--output_dir={tmp_path}/out",
        "--images=1", "--noise=0", **ON_CPU,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["picture"] for row in rows] == [
        "8 bits", "8 bits with noise", "16 bits, 0-255", "16 bits, 0-1000", "16 bits, 0-4000",
        "16 bits, 0-65535",
    ]  # fmt: skip
    assert rows[0]["mean"] == rows[1]["mean"] == rows[2]["mean"]
