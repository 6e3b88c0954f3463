"""A large picture's instances are compared with those of its corner."""

import json

import numpy as np
import pytest
import tifffile
from running import ON_CPU, ROOT, run_program

from affinity_seg.data import pictures
from benchmarks import part_in_memory


def test_instances_near_the_cut_are_left_out():
    ids = np.zeros((6, 6), int)
    ids[0, 0] = 3
    ids[1, 1:4] = 4  # As far as the last column that counts.
    ids[2, 3:5] = 5
    ids[3:5, 0] = 6
    np.testing.assert_array_equal(part_in_memory._inside(ids, 4), [3, 4])


def test_same_instances_are_counted():
    whole = np.zeros((4, 40), int)
    whole[0, :20], whole[1, :20], whole[2, :20], whole[3, :20] = 1, 2, 3, 4
    found = np.zeros((4, 40), int)
    found[0, :20], found[1, :19], found[2, :10], found[2, 10:20] = 7, 1, 5, 6
    row = part_in_memory._row("there", whole, found, 40)
    assert (row["corner"], row["compared with"], row["instances"]) == ("4x40", "there", 4)
    assert (row["identical"], row["IoU of at least 0.9"], row["only there"]) == (0.25, 0.5, 2)
    row = part_in_memory._row("there", whole, whole, 40)
    assert (row["identical"], row["only there"]) == (1, 0)


@pytest.fixture(scope="module")
def segmented(tmp_path_factory):
    """A picture of 300x300 pixels, and its instances as `segment` writes them."""
    folder = tmp_path_factory.mktemp("segmented")
    picture = folder / "corner.tif"
    tifffile.imwrite(picture, pictures.read(f"{ROOT}/models/nuclei.png")[:300, :300, 0])
    flags = ("--model=nuclei", f"--input={picture}", "--formats=labels_tiff")
    result = run_program(
        "-m affinity_seg segment", ROOT, *flags, f"--output_dir={folder}/found", **ON_CPU
    )
    assert result.returncode == 0, result.stderr
    return picture, folder / "found" / "corner_labels.tif"


def _compare(picture, labels, folder, *flags):
    return run_program(
        "-m benchmarks.part_in_memory", ROOT, f"--picture={picture}", f"--labels={labels}",
        f"--output_dir={folder}", *flags, **ON_CPU,
    )  # fmt: skip


def test_the_whole_picture_has_its_own_instances(segmented, tmp_path):
    result = _compare(*segmented, tmp_path, "--side=300", "--margin=0")
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "part.json").read_text())
    assert [row["compared with"] for row in rows] == ["the corner in parts", "the large picture"]
    for row in rows:
        assert row["corner"] == "300x300" and row["instances"] > 20
        assert (row["identical"], row["only there"]) == (1, 0)


def test_labels_of_another_size_are_refused(segmented, tmp_path):
    picture, _ = segmented
    labels = tmp_path / "labels.tif"
    tifffile.imwrite(labels, np.zeros((300, 200), np.uint16))
    result = _compare(picture, labels, tmp_path)
    assert result.returncode != 0
    assert "`labels` must have the size of `picture`, here (300, 300): (300, 200)" in result.stderr
