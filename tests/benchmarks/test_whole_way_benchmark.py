"""The benchmark of the whole way: the parts of a picture's time add up to all of it."""

import json

import pytest
from running import ON_CPU, ROOT, run_program


def test_parts_add_up(tmp_path):
    flags = (
        f"--picture={ROOT}/models/nuclei.png", f"--output_dir={tmp_path}", "--side=300",
        f"--demo={tmp_path}/nothing", "--repetitions=1",
    )  # fmt: skip
    result = run_program("-m benchmarks.whole_way", ROOT, *flags, **ON_CPU)
    assert result.returncode == 0, result.stderr
    assert f"skipped: {tmp_path}/nothing not found" in result.stdout
    rows = json.loads((tmp_path / "results.json").read_text())
    assert [row["picture"].partition(",")[0] for row in rows] == ["nuclei", "nuclei"]
    for row in rows:
        parts = [row[name] for name in ("other", "networks", "merge", "write")]
        assert min(parts[1:3]) > 0 and row["instances"] > 0
        assert sum(parts) == pytest.approx(row["all"], abs=0.003)
