"""The benchmark of cold starts: a row for each program; no speeds."""

import json

from faults import scene
from running import ON_CPU, ROOT, run_program


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
