"""The Cityscapes test split, whose truth nobody has, from images to the archive."""

import json
import os
import zipfile

import numpy as np
import oracle
import pytest
from scenes import boxes
from streets import NAMES, write_image

from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import listing
from affinity_seg.evaluation import cityscapes, result_reading
from affinity_seg.export.cityscapes_zip import write_zip
from affinity_seg.export.coco import write_coco
from affinity_seg.pipeline import merge_runs, prediction_runs

SIZE = (48, 64)
CONFIG = InferenceConfig(
    cell_size=8, growth=4, crop_size=64, max_zoom=1.0, merge_window=1, min_pixels=10
)
CLASSES = np.array([0, 1, 3, 3])  # a person beside two cars that touch
IDS = boxes(*SIZE, (8, 4, 24, 12), (24, 20, 40, 36), (24, 36, 40, 52))


class StreetOracle(oracle.OracleNetwork):
    """Knows the truth and has the classes of Cityscapes."""

    def __init__(self, kind):
        super().__init__(kind)
        self.class_table = CITYSCAPES
        if kind == "semantic":
            self.num_outputs = CITYSCAPES.num_classes

    def _answer(self, image):
        answer = super()._answer(image)
        if self.kind == "affinity":
            return answer
        more = CITYSCAPES.num_classes - answer.shape[-1]
        return np.pad(answer, ((0, 0), (0, 0), (0, more)), constant_values=-oracle.MARGIN)


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Three images, the last of an empty street, and two trained networks."""
    for name in NAMES:
        ids = IDS * (name != NAMES[2])
        write_image(tmp_path / "data", "test", name, pixels=oracle.picture(CLASSES[ids], ids))
    oracle.write_model(tmp_path, monkeypatch, StreetOracle)
    return tmp_path


def _archive(data):
    """Predicts, merges and exports; returns the bytes of the archive."""
    items = listing.list_images(str(data / "data"), "cityscapes", "test")
    prediction_runs.predict_images(
        items, CONFIG, str(data / "semantic"), str(data / "affinity"), str(data / "predictions")
    )
    results_dir = str(data / "results")
    merge_runs.merge_records(str(data / "predictions"), CONFIG, "graph_merge", results_dir)
    write_zip(items, results_dir, CITYSCAPES, str(data / "test.zip"))
    return (data / "test.zip").read_bytes()


def test_images_alone_are_enough(data):
    _archive(data)
    with zipfile.ZipFile(data / "test.zip") as archive:
        archive.extractall(data / "unzipped")
    assert sorted(os.listdir(data / "unzipped")) == [*(f"{n}_pred.txt" for n in NAMES), "masks"]
    for name in NAMES[:2]:
        found = result_reading.read_result(str(data / "unzipped"), name, CITYSCAPES, SIZE)
        assert [p.class_index for p in found] == [1, 3, 3]
        for number, prediction in enumerate(found, start=1):
            np.testing.assert_array_equal(prediction.mask, number == IDS)
    assert result_reading.read_result(str(data / "unzipped"), NAMES[2], CITYSCAPES) == []

    # What the benchmark's server does with the truth that it alone has.
    values = np.array([7, 24000, 26000, 26001])
    for name in NAMES:
        write_image(data / "server", "test", name, SIZE, values[IDS * (name != NAMES[2])])
    items = listing.list_labelled_images(str(data / "server"), "cityscapes", "test")
    assert cityscapes.evaluate(items, str(data / "unzipped"), CITYSCAPES)["ap"] == 1


def test_the_dummy_truth_of_the_real_test_split_does_no_harm(data):
    before = _archive(data)
    for name in NAMES:
        pixels = oracle.picture(CLASSES[IDS], IDS) * np.uint8(name != NAMES[2])
        void = np.full(SIZE, 3)
        void[:4] = 0
        write_image(data / "dummy", "test", name, truth=void, pixels=pixels)
    os.rename(data / "dummy" / "gtFine", data / "data" / "gtFine")
    assert _archive(data) == before
    items = listing.list_images(str(data / "data"), "cityscapes", "test")
    paths = str(data / "instances_test.json"), str(data / "instances_test_results.json")
    assert write_coco(items, str(data / "results"), CITYSCAPES, *paths) == 6
    with open(paths[0], encoding="utf-8") as file:
        annotations = json.load(file)["annotations"]
    assert len(annotations) == 3 * 8 and all(a["iscrowd"] for a in annotations)
