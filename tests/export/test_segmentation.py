"""One picture in, one picture and one JSON file out."""

import json

import cv2
import numpy as np
import oracle
import pytest
from pycocotools import mask as coco_mask

from affinity_seg import instances as instances_lib
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import pictures
from affinity_seg.data.windows import WindowedPicture
from affinity_seg.export import formats, segmentation
from affinity_seg.export.formats.picture import SegmentedPicture
from affinity_seg.export.formats.writer import Writer
from affinity_seg.pipeline.merging import class_candidates
from affinity_seg.pipeline.segmenter import Segmenter

CONFIG = InferenceConfig(
    cell_size=8, growth=4, crop_size=32, max_zoom=1.0, merge_window=1, min_pixels=10
)


def test_one_picture_and_one_json(tmp_path):
    classes, instances = np.zeros((24, 32), np.int64), np.zeros((24, 32), np.int64)
    for number, (class_index, x) in enumerate([(1, 2), (1, 8), (3, 20)], start=1):
        classes[4:12, x : x + 6], instances[4:12, x : x + 6] = class_index, number
    image = oracle.picture(classes, instances)
    segmenter = Segmenter(*map(oracle.OracleNetwork, ("semantic", "affinity")), CONFIG)
    found = segmenter.segment(image).as_numpy()
    writer = Writer(str(tmp_path / "out"), formats.DEFAULT)
    windowed = WindowedPicture(image)
    converted = writer.convert(SegmentedPicture("street", "a.png", windowed, found, oracle.TABLE))
    picture, described = writer.write("street", converted)
    assert cv2.imread(picture).shape[2] == 3
    with open(described, encoding="utf-8") as file:
        content = json.load(file)
    assert (content["height"], content["width"]) == (24, 32)
    assert [entry["class"] for entry in content["instances"]] == ["square", "square", "bar"]
    for number, entry in enumerate(content["instances"], start=1):
        mask = coco_mask.decode(entry["rle"]).astype(bool)
        assert np.array_equal(mask, instances == number)
        y0, x0, y1, x1 = entry["box"]
        assert mask[y0:y1, x0:x1].all() and entry["size"] == mask.sum()
        assert 0.9 < entry["score"] < 1
    assert "other_classes" not in content["instances"][0]


def test_other_classes_of_one_picture():
    ids = np.zeros((4, 6), np.int32)
    ids[:, :2], ids[:, 4:] = 1, 2
    votes = np.int64([[0, 6, 3, 0], [0, 0, 0, 8]])
    found = instances_lib.number(
        ids - 1, np.int32([1, 3]), np.float32([0.5, 0.75]), votes
    ).as_numpy()
    config = InferenceConfig(vote_min_ratio=0.5)
    described = segmentation.describe_image(
        "a", found, oracle.TABLE, candidates=class_candidates(found, config)
    )
    assert [entry["other_classes"] for entry in described["instances"]] == [
        [{"class": "disc", "class_index": 2, "score": 0.25}],
        [],
    ]


def test_pictures_that_cannot_be_read_are_named(tmp_path):
    path = tmp_path / "street.png"
    path.write_text("no picture")
    with pytest.raises(ValueError, match=r"street\.png: .*PNG, JPEG, BMP or TIFF"):
        pictures.read(str(path))
    with pytest.raises(FileNotFoundError, match=r"other\.png"):
        pictures.read(str(tmp_path / "other.png"))
