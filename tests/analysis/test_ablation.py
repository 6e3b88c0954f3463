"""The paper's tables: each row with the networks of its output strides."""

import json
import os

import cv2
import numpy as np
import pytest
import tensorflow as tf
from official.core import exp_factory
from running import ROOT

from affinity_seg.analysis import ablation
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.configs import experiments, paper_tables
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import listing
from affinity_seg.model_folder import ModelFolder
from affinity_seg.modeling import loading, network_folder
from affinity_seg.pipeline import fingerprint
from affinity_seg.tasks import registry_imports  # noqa: F401

ROWS = paper_tables.TABLES[3][:2]


@pytest.fixture
def items(tmp_path):
    """One street with a car, in the layout of Cityscapes."""
    image = np.full((64, 96, 3), 90, np.uint8)
    truth = np.full((64, 96), 7, np.uint16)
    image[20:50, 30:70], truth[20:50, 30:70] = 200, 26000
    for kind, suffix, pixels in (
        ("leftImg8bit", "leftImg8bit", image),
        ("gtFine", "gtFine_instanceIds", truth),
    ):
        folder = tmp_path / "data" / kind / "val" / "bonn"
        folder.mkdir(parents=True)
        assert cv2.imwrite(str(folder / f"bonn_000000_000019_{suffix}.png"), pixels)
    return listing.list_labelled_images(str(tmp_path / "data"), "cityscapes", "val")


def write_network(folder, name):
    """Writes the folder of a tiny network with fresh weights."""
    params = exp_factory.get_exp_config(name)
    small = {"preset": "small", "units": [1, 1, 1, 1], "width": 4, "stem_filters": 4}
    params.task.model.override({"backbone": {"resnet_v1": small}, "aspp": {"filters": 8}})
    network = loading.KerasNetwork(params.task, CITYSCAPES)
    network_folder.claim_model_dir(str(folder), params, CITYSCAPES)
    tf.train.Checkpoint(model=network.model).save(str(folder / "ckpt"))
    return str(folder)


def _model(semantic_dir, affinity_dir):
    return ModelFolder("model", semantic_dir, affinity_dir, None, {})


@pytest.mark.long
def test_rows_at_stride_8_take_the_network_that_was_fine_tuned_at_8(items, tmp_path):
    semantic = (
        write_network(tmp_path / "semantic", experiments.SEMANTIC),
        write_network(tmp_path / "semantic_8", experiments.SEMANTIC),
    )
    affinity = write_network(tmp_path / "affinity", experiments.AFFINITY)
    found = ablation.run_table(
        ROWS,
        items,
        CITYSCAPES,
        presets_dir=os.path.join(ROOT, "configs", "presets"),
        overrides=["crop_size=64", "max_zoom=1", "min_pixels=10"],
        model=_model(semantic[0], affinity),
        stride_8_model=_model(semantic[1], "not needed"),
        output_dir=str(tmp_path / "ablation"),
    )
    assert [row["name"] for row in found] == ["16/16", "sem 8"]
    for row, semantic_dir in zip(found, semantic, strict=True):
        path = tmp_path / "ablation" / "results" / row["preset"] / fingerprint.FILE_NAME
        made_by = json.loads(path.read_text())
        assert made_by["semantic_network"] == network_folder.network_identity(semantic_dir)
        assert made_by["affinity_network"] == network_folder.network_identity(affinity)


def test_without_such_networks_all_rows_take_the_same():
    model, fine = _model("semantic", "affinity"), _model("semantic_8", "affinity_8")
    for stride in (8, 16, None):
        config = InferenceConfig(semantic_stride=stride, affinity_stride=stride)
        assert ablation.network_dirs(config, model) == model.network_dirs
        chosen = fine if stride == 8 else model
        assert ablation.network_dirs(config, model, fine) == chosen.network_dirs


def test_rows_that_are_not_the_papers_stand_beside_it():
    times = {"predict_seconds": 2.4, "merge_seconds": 1, "evaluate_seconds": 1}
    rows = [
        {"name": "baseline", "preset": "a", "above": "a", "paper_ap": 18.9, "ap": 0.2, "ap50": 0.4},
        {"name": "ours", "preset": "b", "above": "a", "paper_ap": None, "ap": 0.25, "ap50": 0.5},
        {"name": "empty", "preset": "c", "above": "a", "paper_ap": 1, "ap": None, "ap50": None},
    ]
    table = ablation.markdown(4, [{**row, **times} for row in rows])
    assert table.splitlines()[2:] == [
        "| baseline | 18.9 | 20.0 |  | 40.0 | 2 | 1 |",
        "| ours | - | 25.0 | +5.0 | 50.0 | 2 | 1 |",
        "| empty | 1.0 | n/a |  | n/a | 2 | 1 |",
    ]
