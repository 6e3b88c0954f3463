"""The benchmark of large pictures: its files hold what they should, and each size has a row."""

import json

import numpy as np
import pytest
import tifffile
from running import ON_CPU, ROOT, run_program

from affinity_seg.data import pictures
from benchmarks import large_pictures


def test_a_picture_is_repeated(tmp_path):
    small = np.random.default_rng(0).integers(0, 256, (40, 70), dtype=np.uint8)
    wanted = np.tile(small, (18, 10))[:700, :700]
    for bits, factor in ((8, 1), (16, 16)):
        path = str(tmp_path / "sub" / f"{bits}.tif")
        large_pictures.write_picture(path, small, 700, bits)
        found = tifffile.imread(path)
        assert found.dtype == (np.uint8, np.uint16)[bits == 16]
        np.testing.assert_array_equal(found, wanted.astype(np.uint16) * factor)
        assert pictures.read_size(path) == (700, 700)


@pytest.mark.parametrize("way", ["pictures", "page", "data_set"])
def test_each_size_has_a_row(tmp_path, way):
    flags = (
        f"--picture={ROOT}/models/nuclei.png", f"--output_dir={tmp_path}/out", "--side=40",
        f"--way={way}",
    )  # fmt: skip
    result = run_program("-m benchmarks.large_pictures", ROOT, *flags, **ON_CPU)
    assert result.returncode == 0, result.stderr
    (row,) = json.loads((tmp_path / "out" / "results.json").read_text())
    assert row["picture"] == "40x40" and row["peak memory, GB"] > 0.1
    assert row["way"] == way and (way == "page") == ("seconds of a merge" in row)
    found = tmp_path / "out" / "found" / way
    if way == "pictures":
        assert tifffile.imread(found / "40_labels.tif").shape == (40, 40)
    if way == "data_set":
        assert (found / "results" / "40_pred.txt").exists()
