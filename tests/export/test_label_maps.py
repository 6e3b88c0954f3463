"""Label maps: 16-bit ids and their description."""

import json
import os

import cv2
import numpy as np
import pytest
from scenes import BUS, CAR, boxes, write_boxes
from streets import NAMES, SIZE, write_image, write_streets

from affinity_seg import files
from affinity_seg import instances as instances_lib
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.data import listing
from affinity_seg.export import label_maps
from affinity_seg.pipeline.filters import InstanceFilter

NAME = NAMES[0]


def _export(folder, items, results_dir, **arguments):
    label_maps.write_label_maps(items, results_dir, CITYSCAPES, str(folder / "out"), **arguments)
    return _read(folder, items[0].name)


def _read(folder, name):
    """Returns the pixels and the description of an image."""
    stem = str(folder / "out" / f"{name}_label_map")
    with open(stem + ".json", encoding="utf-8") as file:
        return cv2.imread(stem + ".png", cv2.IMREAD_UNCHANGED), json.load(file)


def _one_image(folder, *predictions, size=SIZE):
    write_image(folder / "data", "val", NAME, size)
    items = listing.list_images(str(folder / "data"), "cityscapes", "val")
    write_boxes(str(folder / "results"), items[0], CITYSCAPES, size, *predictions)
    return items, str(folder / "results")


def test_the_higher_score_is_on_top_and_ids_follow_the_raster(tmp_path):
    items, results_dir = _one_image(
        tmp_path,
        (BUS, 0.5, (10, 0, 30, 40)),
        (CAR, 0.9, (0, 20, 20, 60)),
        (CAR, 0.4, (12, 5, 18, 15)),  # hidden by the bus
    )
    pixels, described = _export(tmp_path, items, results_dir)
    assert pixels.dtype == np.uint16
    wanted = np.zeros(SIZE)
    wanted[10:30, 0:40], wanted[0:20, 20:60] = 2, 1
    np.testing.assert_array_equal(pixels, wanted)
    assert described == {
        "image": NAME,
        "height": 60,
        "width": 100,
        "class_table": "cityscapes",
        "instances": [
            {
                "id": 1,
                "class": "car",
                "class_index": CAR,
                "score": pytest.approx(0.9),
                "box": [0, 20, 20, 60],
                "size": 800,
            },
            {
                "id": 2,
                "class": "bus",
                "class_index": BUS,
                "score": 0.5,
                "box": [10, 0, 30, 40],
                "size": 800 - 10 * 20,
            },
        ],
    }


def test_an_image_without_instances(tmp_path):
    pixels, described = _export(tmp_path, *_one_image(tmp_path))
    assert pixels.shape == SIZE and not pixels.any()
    assert described["instances"] == []


def test_three_hundred_instances(tmp_path):
    squares = [(y, x, y + 3, x + 3) for y in range(0, 60, 4) for x in range(0, 80, 4)]
    assert len(squares) == 300
    items, results_dir = _one_image(tmp_path, *((CAR, 0.5, square) for square in squares))
    pixels, described = _export(tmp_path, items, results_dir)
    np.testing.assert_array_equal(pixels, boxes(*SIZE, *squares))
    assert [entry["box"] for entry in described["instances"]] == [list(s) for s in squares]


@pytest.mark.parametrize("count", [label_maps.MAX_INSTANCES, label_maps.MAX_INSTANCES + 1])
def test_sixteen_bits_are_enough_or_an_error(tmp_path, count):
    indices = np.arange(2**16).reshape(256, 256)
    indices = np.where(indices < count, indices, -1)
    instances = instances_lib.number(indices, np.full(count, CAR), np.ones(count)).as_numpy()
    if count > label_maps.MAX_INSTANCES:
        with pytest.raises(ValueError, match=r"at most 65535 instances: 65536"):
            label_maps.write_label_map(str(tmp_path / "out"), NAME, instances, CITYSCAPES)
        assert not os.path.exists(tmp_path / "out")
        return
    label_maps.write_label_map(str(tmp_path / "out"), NAME, instances, CITYSCAPES)
    pixels, described = _read(tmp_path, NAME)
    np.testing.assert_array_equal(pixels, indices + 1)
    assert described["instances"][-1]["box"] == [255, 254, 256, 255]


def test_every_image_has_its_map_and_the_filter_renumbers(tmp_path):
    items, results_dir = write_streets(tmp_path, with_truth=False)
    keep = InstanceFilter(min_score=0.55, classes=("bus", "car"))
    pixels, described = _export(tmp_path, items, results_dir, instance_filter=keep)
    assert [entry["class"] for entry in described["instances"]] == ["car", "car", "bus"]
    assert np.unique(pixels).tolist() == [0, 1, 2, 3]
    assert len(os.listdir(tmp_path / "out")) == 6
    assert [_read(tmp_path, name)[1]["instances"] for name in NAMES[1:]] == [[], []]


def test_a_killed_run_leaves_no_description_of_another_map(tmp_path, monkeypatch):
    items, results_dir = _one_image(tmp_path, (CAR, 0.9, (0, 0, 9, 9)))
    before = _export(tmp_path, items, results_dir)

    def killed(path, content):
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        _export(tmp_path, items, results_dir)
    assert os.listdir(tmp_path / "out") == [f"{NAME}_label_map.png"]
    monkeypatch.undo()
    after = _export(tmp_path, items, results_dir)
    np.testing.assert_array_equal(after[0], before[0])
    assert after[1] == before[1]
