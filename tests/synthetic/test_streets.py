"""Synthetic streets: encoding, statistics, determinism."""

import multiprocessing
import os
import threading
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from cityscapesscripts.helpers.labels import id2label

from affinity_seg import class_tables
from affinity_seg.data import listing
from synthetic import streets
from synthetic.scene import render_street


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("streets"))
    counts = {"train": 3, "val": 2}
    return folder, streets.write_streets(folder, counts, seed=5, height=128, width=256)


def _all_files(folder):
    return {
        os.path.relpath(os.path.join(root, name), folder): os.path.join(root, name)
        for root, _, names in os.walk(folder)
        for name in names
    }


def test_layout_of_cityscapes(small):
    folder, _ = small
    names = [item.name for item in listing.list_images(folder, "cityscapes", "val")]
    assert names == ["dornstadt_000000_000019", "eschental_000000_000019"]
    suffixes = ("color", "instanceIds", "labelIds")
    expected = {
        os.path.join("leftImg8bit", "val", n.split("_")[0], f"{n}_leftImg8bit.png") for n in names
    } | {
        os.path.join(a, "val", n.split("_")[0], f"{n}_{a}_{s}.png")
        for a in ("gtFine", "gtCoarse")
        for n in names
        for s in suffixes
    }
    assert {path for path in _all_files(folder) if "val" in path.split(os.sep)} == expected


@pytest.mark.parametrize("annotation", ["gtFine", "gtCoarse"])
def test_the_label_images_agree(small, annotation):
    folder, _ = small
    for item in listing.list_labelled_images(folder, "cityscapes", "train", annotation):
        instances = cv2.imread(item.truth_path, cv2.IMREAD_UNCHANGED)
        label_path = item.truth_path.replace("instanceIds", "labelIds")
        label_ids = cv2.imread(label_path, cv2.IMREAD_UNCHANGED)
        color = cv2.imread(item.truth_path.replace("instanceIds", "color"))
        assert instances.dtype == np.uint16
        assert label_ids.dtype == np.uint8
        np.testing.assert_array_equal(
            np.where(instances < 1000, instances, instances // 1000), label_ids
        )
        for label_id in np.unique(label_ids):
            found = np.unique(color[label_ids == label_id], axis=0)
            assert found.tolist() == [list(id2label[label_id].color[::-1])]
        assert set(np.unique(instances[instances >= 1000] // 1000)) <= {
            *class_tables.CITYSCAPES.label_ids,
            29,
            30,
        }


def test_coarse_lies_within_fine(small):
    folder, _ = small
    fine = listing.list_images(folder, "cityscapes", "train")
    coarse = listing.list_images(folder, "cityscapes", "train", "gtCoarse")
    for a, b in zip(fine, coarse, strict=True):
        a, b = (cv2.imread(i.truth_path, cv2.IMREAD_UNCHANGED) for i in (a, b))
        assert np.all((b == 0) | (a == b))
        assert 0.3 < np.mean(b > 0) < np.mean(a > 0)


def test_the_same_arguments_give_the_same_bytes(small, tmp_path):
    folder, statistics = small
    counts = {"train": 3, "val": 2}
    for _ in range(2):  # The second run finds the files of the first one.
        again = streets.write_streets(str(tmp_path), counts, seed=5, height=128, width=256)
        assert again == statistics
    first, second = _all_files(folder), _all_files(tmp_path)
    assert first.keys() == second.keys()
    for name in first:
        with open(first[name], "rb") as a, open(second[name], "rb") as b:
            assert a.read() == b.read(), name
    other = render_street(128, 256, np.random.default_rng([6, 0, 0])).image
    item = listing.list_images(folder, "cityscapes", "train")[0]
    assert np.any(cv2.imread(item.image_path)[..., ::-1] != other)


def test_hard_enough_at_full_size():
    """Shares that make connected components fail, at the size of Cityscapes."""
    images = [render_street(1024, 2048, np.random.default_rng([1, 1, i])) for i in range(4)]
    total = streets.instance_statistics(images[0].instance_ids)
    for image in images[1:]:
        total = total + streets.instance_statistics(image.instance_ids)
    assert total.total > 60
    assert total.touching / total.total >= 0.3
    assert total.in_parts / total.total >= 0.2
    assert total.small / total.total >= 0.15


def test_every_class_group_regions_and_void_occur():
    seen, groups = set(), False
    for i in range(14):
        ids = render_street(128, 256, np.random.default_rng([2, 0, i])).instance_ids
        seen |= set(np.unique(ids[ids >= 1000] // 1000))
        groups |= bool(np.isin(ids, class_tables.CITYSCAPES.label_ids).any())
        assert np.any(ids == 1)  # the own car
        assert np.any(ids == 3)  # out of the region of interest
    assert seen >= set(class_tables.CITYSCAPES.label_ids)
    assert groups


def test_zoom_brings_objects_closer():
    def largest(zoom):
        ids = render_street(128, 256, np.random.default_rng([3, 0, 0]), zoom).instance_ids
        return np.bincount(ids[ids >= 1000]).max()

    assert largest(2.0) > 1.5 * largest(1.0)


def test_instance_statistics_of_a_drawing():
    image = np.full([24, 40], 7, np.uint16)
    image[0:10, 0:10] = 26000  # 100 pixels, touches the next car at a corner
    image[10:20, 10:20] = 26001
    image[0:4, 20:24] = 26002  # in two parts, 24 pixels
    image[0:4, 26:28] = 26002
    image[4:8, 20:24] = 24000  # touches a car only
    image[20:24, 0:40] = 24  # a group region is no instance
    result = streets.instance_statistics(image)
    assert dict(result.instances) == {3: 3, 1: 1}
    assert (result.touching, result.in_parts, result.small) == (2, 1, 2)
    assert "50.0% touch another" in streets.describe(result)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"height": 12}, r"`height` must be in \[64, 8192\]: 12"),
        ({"width": 100_000}, r"`width` must be in \[128, 8192\]: 100000"),
        ({"zoom": 0.5}, r"`zoom` must be in \[1, 16\.0\]: 0\.5"),
        ({"zoom": float("nan")}, "`zoom` .*: nan"),
        ({"zoom": float("inf")}, "`zoom` .*: inf"),
        ({"seed": -1}, "`seed` must not be negative: -1"),
        ({"counts": {"test": 1}}, "`test` must be one of"),
        ({"counts": {"train": 10**7}}, r"`train` .* in \[0, 1000000\]: 10000000"),
        ({"counts": {"train": 0}}, "at least one of .* must be above 0"),
    ],
)
def test_bad_arguments(tmp_path, changes, message):
    arguments = {"counts": {"train": 1}, "seed": 1, "height": 128, "width": 256} | changes
    with pytest.raises(ValueError, match=message):
        streets.write_streets(str(tmp_path), **arguments)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", 6), ("height", 130), ("width", 300), ("zoom", 2.0), ("train", 4), ("val", 0)],
)
def test_other_arguments_in_the_same_folder(small, name, value):
    folder, _ = small
    before = _all_files(folder)
    arguments = {"train": 3, "val": 2, "seed": 5, "height": 128, "width": 256} | {name: value}
    counts = {split: arguments.pop(split) for split in ("train", "val")}
    with pytest.raises(ValueError, match=rf"other arguments: `{name}` must be .*: {value}$"):
        streets.write_streets(folder, counts, **arguments)
    assert _all_files(folder) == before


def test_a_folder_of_other_images_is_refused(tmp_path):
    os.makedirs(tmp_path / "leftImg8bit")
    with pytest.raises(ValueError, match=r"holds images, but no streets\.json"):
        streets.write_streets(str(tmp_path), {"train": 1}, seed=1, height=128, width=256)
    (tmp_path / "streets.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"streets\.json: not the arguments"):
        streets.write_streets(str(tmp_path), {"train": 1}, seed=1, height=128, width=256)


def test_temporary_files_of_killed_runs_go(small):
    folder, _ = small
    left = os.path.join(folder, "gtFine", "train", ".tmp-old.png")
    with open(left, "w", encoding="utf-8"):
        os.utime(left, (0, 0))
    streets.write_streets(folder, {"train": 3, "val": 2}, seed=5, height=128, width=256)
    assert not os.path.exists(left)


def test_a_worker_ends_when_its_parent_does(monkeypatch):
    parent_ends, worker_ended = threading.Event(), threading.Event()
    parent = SimpleNamespace(join=parent_ends.wait)
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: parent)
    monkeypatch.setattr(os, "_exit", lambda status: worker_ended.set())
    streets._end_with_parent()
    assert not worker_ended.wait(0.05)
    parent_ends.set()
    assert worker_ended.wait(5)
