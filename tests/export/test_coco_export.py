"""COCO's files: what other programs read in them, and that pycocotools judges them as we do."""

import json
import os

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scenes import BUS, CAR, CELLS, boxes, instances
from streets import LEFT, NAMES, SIZE, write_image, write_streets

from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.data import listing
from affinity_seg.data.items import Item
from affinity_seg.evaluation import coco, result_writing, results
from affinity_seg.export.coco import write_coco
from affinity_seg.pipeline.filters import InstanceFilter


def _export(folder, items, results_dir, class_table=CITYSCAPES, **arguments):
    """Returns the paths of data set and results, and how many predictions were written."""
    paths = str(folder / "coco" / "instances_val.json"), str(folder / "coco" / "results.json")
    count = write_coco(items, results_dir, class_table, *paths, **arguments)
    return *paths, count


def _read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def _judge(dataset_path, results_path):
    """Returns AP, AP50, AP75 and AP by size as pycocotools prints them for the two files."""
    dataset = COCO(dataset_path)
    judge = COCOeval(dataset, dataset.loadRes(results_path), "segm")
    judge.params.maxDets = [1, 10, 100]
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    return [value if value > -1 else None for value in judge.stats[:6].tolist()]


def test_pycocotools_gives_the_ap_of_our_judge(tmp_path):
    items, results_dir = write_streets(tmp_path)
    dataset, written, count = _export(tmp_path, items, results_dir)
    assert count == 8
    scores = coco.evaluate(items, results_dir, CITYSCAPES)
    keys = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
    assert _judge(dataset, written) == [scores[key] for key in keys]
    assert 0 < scores["ap"] < scores["ap50"] < 1


def test_ap_by_size_is_of_masks_not_of_boxes(tmp_path):
    """The false prediction has 900 pixels, small, in a box of 1600, medium."""
    truth = np.where(boxes(*SIZE, LEFT), 26000, 7)
    write_image(tmp_path / "data", "val", NAMES[0], truth=truth)
    items = listing.list_images(str(tmp_path / "data"), "cityscapes", "val")
    ids = boxes(*SIZE, LEFT)
    ids[20:60, 40:80] = 2
    ids[20:40, 40:75] = 0
    assert np.count_nonzero(ids == 2) == 900
    found = instances(ids, [CAR, CAR], [0.5, 0.9])
    result_writing.write_result(str(tmp_path / "results"), NAMES[0], found, CITYSCAPES)
    dataset, written, _ = _export(tmp_path, items, str(tmp_path / "results"))
    small = coco.evaluate(items, str(tmp_path / "results"), CITYSCAPES)["ap_small"]
    assert small == pytest.approx(0.5)
    assert _judge(dataset, written)[3] == small
    assert "bbox" not in _read(written)[0]


def test_fields(tmp_path):
    items, results_dir = write_streets(tmp_path)
    dataset, written, _ = map(str, _export(tmp_path, items, results_dir))
    dataset, written = _read(dataset), _read(written)
    assert dataset["images"][2] == {
        "id": 3,
        "file_name": "bonn/bonn_000000_000019_leftImg8bit.png",
        "height": 60,
        "width": 100,
    }
    assert dataset["categories"][2] == {"id": 3, "name": "car"}
    true = dataset["annotations"]
    assert [a["id"] for a in true] == list(range(1, len(true) + 1))
    # Void is a crowd of each class, a group of its own class only.
    crowds = [(a["image_id"], a["category_id"]) for a in true if a["iscrowd"]]
    assert crowds == [(1, c) for c in range(1, 9)] + [(2, 1)]
    plain = [(a["image_id"], a["category_id"]) for a in true if not a["iscrowd"]]
    assert plain == [(1, CAR), (1, CAR), (2, BUS)]
    assert (true[1]["bbox"], true[1]["area"]) == ([40, 0, 30, 20], 600)
    first = written[0]
    assert (first["image_id"], first["category_id"]) == (1, CAR)
    assert (first["area"], first["score"]) == (600, 0.9)
    assert first["segmentation"]["size"] == [60, 100]
    mask = coco_mask.decode(first["segmentation"])
    np.testing.assert_array_equal(mask, boxes(*SIZE, LEFT))


def test_without_truth_there_are_images_and_predictions(tmp_path):
    items, results_dir = write_streets(tmp_path, with_truth=False)
    dataset, written, _ = _export(tmp_path, items, results_dir)
    assert _read(dataset)["annotations"] == []
    assert len(COCO(dataset).loadRes(written).anns) == 8


def test_the_filter_leaves_truth_and_ids_alone(tmp_path):
    items, results_dir = write_streets(tmp_path)
    whole, _, _ = _export(tmp_path, items, results_dir)
    whole = _read(whole)
    keep = InstanceFilter(min_score=0.3, classes=("bus",))
    dataset, written, count = _export(tmp_path, items, results_dir, instance_filter=keep)
    assert _read(dataset) == whole
    assert [(a["image_id"], a["score"]) for a in _read(written)] == [(1, 0.6), (2, 1 / 3)]
    assert count == 2


def test_what_is_wrong_is_named_and_nothing_is_written(tmp_path):
    items, results_dir = write_streets(tmp_path)
    os.remove(items[1].truth_path)
    with pytest.raises(FileNotFoundError, match=rf"1 of 3 images is missing.*\n.*{NAMES[1]}"):
        _export(tmp_path, items, results_dir)
    write_image(tmp_path / "data", "val", NAMES[1], truth=np.full((60, 99), 7))
    with pytest.raises(ValueError, match=rf"{NAMES[1]}_.*size of its image, 60x100: 60x99"):
        _export(tmp_path, items, results_dir)
    os.remove(results.result_path(results_dir, NAMES[2]))
    with pytest.raises(FileNotFoundError, match=rf"1 of 3 images have no result(.|\n)*{NAMES[2]}"):
        _export(tmp_path, items, results_dir)
    assert not os.path.exists(tmp_path / "coco")


def test_a_folder_of_cells(tmp_path):
    ids = boxes(20, 30, (0, 0, 8, 8), (10, 10, 18, 18))
    for kind, content in (("images", np.zeros((20, 30))), ("instances", ids)):
        write_image(tmp_path / kind, "val", "x_0_0", truth=content)
    items = [
        Item("x", "x.png", *_paths(tmp_path, "images", "instances")),
    ]
    result_writing.write_result(str(tmp_path / "r"), "x", instances(ids, [1, 1], [0.5, 0.6]), CELLS)
    dataset, written, _ = _export(tmp_path, items, str(tmp_path / "r"), CELLS)
    assert _judge(dataset, written)[0] == pytest.approx(1)
    assert _read(dataset)["categories"] == [{"id": 1, "name": "cell"}]


def _paths(folder, *kinds):
    return [str(folder / k / "gtFine/val/x/x_0_0_gtFine_instanceIds.png") for k in kinds]
