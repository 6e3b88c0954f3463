"""The benchmark of corrected images: the model before and after, on new and on old images."""

import json
import types

import cv2
import numpy as np
import pytest

from affinity_seg import cli
from affinity_seg.data import listing
from benchmarks import corrected_images


def _write_images(folder, count, side):
    for kind in ("images", "instances"):
        (folder / kind).mkdir(parents=True)
    for index in range(count):
        ids = np.zeros((side, side), np.uint16)
        cv2.circle(ids, (10 + index, 12), 6, 1, -1)
        cv2.circle(ids, (26, 26 - index), 5, 2, -1)
        cv2.imwrite(str(folder / "instances" / f"{side}_{index}.png"), ids)
        picture = np.where(ids[..., None] > 0, np.uint8(180), np.uint8(20))
        cv2.imwrite(str(folder / "images" / f"{side}_{index}.png"), np.tile(picture, (1, 1, 3)))


@pytest.fixture
def run(tmp_path):
    """Runs the program on three new images of 40x40 pixels beside one of another size."""
    _write_images(tmp_path / "new", 3, 40)
    _write_images(tmp_path / "old", 1, 48)
    for kind in ("images", "instances"):
        (tmp_path / "new" / kind / "other.png").symlink_to(tmp_path / "old" / kind / "48_0.png")

    def run(*flags):
        cli.run(
            corrected_images,
            [
                "--model=nuclei", f"--input={tmp_path}/new", f"--old={tmp_path}/old",
                "--height=40", "--width=40", f"--output_dir={tmp_path}/out", "--minutes=0.1",
                *flags,
            ],
        )  # fmt: skip
        return json.loads((tmp_path / "out" / "results.json").read_text())

    return run


def test_images_of_the_size_must_be_enough(run):
    with pytest.raises(ValueError, match=r"`--input` must have 5 images of the size: 3 in"):
        run("--count=2", "--judging=3")


def test_images_that_judge_must_be_enough(run, tmp_path):
    with pytest.raises(ValueError, match=r"`--judging_input` must have 2 images of the size: 1 in"):
        run("--count=1", "--judging=2", f"--judging_input={tmp_path}/old", "--height=48",
            "--width=48")  # fmt: skip


@pytest.mark.parametrize("is_inverted", [False, True])
def test_the_new_images_may_be_inverted(tmp_path, is_inverted):
    _write_images(tmp_path / "new", 2, 40)
    items = listing.list_labelled_images(str(tmp_path / "new"), "folder")
    values = types.SimpleNamespace(output_dir=str(tmp_path), inverted=is_inverted)
    made = corrected_images._data_set(items, values, "data")
    for item, new in zip(items, made, strict=True):
        image, ids = cv2.imread(item.image_path), cv2.imread(item.truth_path, -1)
        wanted = 255 - image if is_inverted else image
        np.testing.assert_array_equal(cv2.imread(new.image_path), wanted)
        np.testing.assert_array_equal(cv2.imread(new.truth_path, -1), ids)


@pytest.mark.long
def test_each_model_has_a_row(run, tmp_path):
    rows = run("--count=1", "--count=2", "--judging=1")
    names = [row["model"] for row in rows]
    assert names == ["the model before", "1 corrected images", "2 corrected images"]
    for row in rows:
        assert {"new dsb_mean", "old dsb_mean", "new ap", "old ap"} <= row.keys()
        assert 0 <= row["old dsb_0.50"] <= 1
    trained = {path.name for path in (tmp_path / "out" / "data_2" / "images").iterdir()}
    assert trained == {"40_0.png", "40_1.png"}, "the third judges, the other has another size"
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/fit_*/joint/*.index")}
    assert run("--count=1", "--count=2", "--judging=1") == rows
    assert before == {path: path.stat().st_mtime_ns for path in before}, "it was trained again"
