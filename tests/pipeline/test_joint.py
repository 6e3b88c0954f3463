"""One network with both heads does in every path what two networks with its weights do."""

import json

import numpy as np
import pytest
import tensorflow as tf
from faults import scene

import affinity_seg
from affinity_seg import model_folder
from affinity_seg.configs import experiments, inference
from affinity_seg.data import pictures
from affinity_seg.evaluation import result_reading
from affinity_seg.pipeline import merge_runs, prediction_runs, tiles
from affinity_seg.pipeline.segmenter import Segmenter
from affinity_seg.serving import saved_model
from affinity_seg.serving.exported import ExportedModel


@pytest.fixture(scope="module")
def joint(tmp_path_factory):
    """Folder of a model with one network, its network and configuration, items and images."""
    folder = tmp_path_factory.mktemp("joint")
    made = scene.write(str(folder / "scene"), 2)
    images = {item.name: pictures.read(item.image_path) for item in made.items()}
    scene.write_network(folder / "model/joint", experiments.JOINT, next(iter(images.values())))
    config = inference.load_config(made.preset)
    roles = dict.fromkeys(model_folder.KINDS, "joint")
    model_folder.write(str(folder / "model"), networks=roles, preset=config)
    network, same = prediction_runs.load_networks(config, *_dirs(folder))
    assert network is same and network.kind == "joint"
    return folder, network, config, made.items(), images


def _dirs(folder):
    return model_folder.read(str(folder / "model")).network_dirs


def _assert_equal(found, wanted):
    assert len(wanted.classes) > 1
    for name in ("instance_ids", "classes", "scores", "sizes", "boxes"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))


def _flips(semantic, affinity):
    return {"semantic_flip": semantic, "affinity_flip": affinity}


@pytest.mark.parametrize("regions", [True, False])
@pytest.mark.parametrize(
    "flips", [_flips(True, True), _flips(True, False), _flips(False, True), _flips(False, False)]
)
def test_instances_are_those_of_two_networks(joint, flips, regions):
    _, network, config, _, images = joint
    config = inference.change(config, {**flips, "regions": regions, "logits_dtype": "float16"})
    pair = network.part("semantic"), network.part("affinity")
    assert [one.num_outputs for one in (*pair, network)] == [9, 56, 65]
    image = next(iter(images.values()))
    found = Segmenter(network, network, config).segment(image).as_numpy()
    wanted = Segmenter(*pair, config).segment(image).as_numpy()
    # The parts' logits are of other convolutions, equal but for rounding.
    assert len(wanted.classes) > 1
    assert abs(len(found.classes) - len(wanted.classes)) <= 1
    same = (found.instance_ids > 0) == (wanted.instance_ids > 0)
    assert wanted.instance_ids.any() and same.mean() > 0.99


def test_parts_are_the_channels_of_the_whole(joint):
    _, network, _, _, images = joint
    normalized = network.normalize(np.stack([next(iter(images.values()))]))
    whole = network.logits(normalized).numpy()
    for kind, wanted in zip(model_folder.KINDS, network.split(whole), strict=True):
        found = network.part(kind).logits(normalized).numpy()
        np.testing.assert_allclose(found, wanted, atol=1e-4)
        assert np.ptp(wanted) > 1


def test_tiles_of_a_part_are_those_of_the_whole(joint):
    _, network, _, _, images = joint
    image = np.tile(next(iter(images.values())), (9, 9, 1))
    normalized = network.normalize(image[None])
    whole = network.split(tiles.run(network, normalized, 512**2, 256))
    for kind, wanted in zip(model_folder.KINDS, whole, strict=True):
        found = tiles.run(network.part(kind), normalized, 512**2, 256)
        np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_records_and_library_and_export_give_the_same(joint, tmp_path):
    folder, network, config, items, images = joint
    records = str(tmp_path / "records")
    assert prediction_runs.predict_images(items, config, *_dirs(folder), records) == len(images)
    assert merge_runs.merge_records(records, config, "graph_merge", str(tmp_path / "results"))
    model = affinity_seg.load(folder / "model")
    model.export(tmp_path / "exported")
    exported = ExportedModel(saved_model.find_version(str(tmp_path / "exported")))
    for item in items:
        direct = model.segment(item.image_path)
        _assert_equal(exported.segment(images[item.name]).as_numpy(), direct)
        stored = result_reading.read_result(
            str(tmp_path / "results"), item.name, network.class_table
        )
        assert len(stored) == len(direct.classes)
    described = json.loads(next((tmp_path / "exported").rglob("export.json")).read_text())
    made_by = {k: v for k, v in described.items() if k.endswith("_network")}
    assert made_by["semantic_network"] == made_by["affinity_network"] == network.identity


def test_networks_only_export(joint, tmp_path):
    _, network, config, _, images = joint
    image = next(iter(images.values()))
    segmenter = Segmenter(network, network, config)
    saved_model.write(segmenter, str(tmp_path / "networks"), kind="networks", warmup=False)
    served = tf.saved_model.load(saved_model.find_version(str(tmp_path / "networks")))
    answer = served.signatures["serving_default"](images=tf.constant(image[None]))
    whole = network.logits(network.normalize(image[None]))
    for name, wanted in zip(("semantic", "affinity"), network.split(whole), strict=True):
        found = answer[f"{name}_logits"]
        assert found.shape[1] == 2  # Both views.
        np.testing.assert_allclose(found[:, 0], wanted, atol=1e-4)


def test_what_does_not_fit_is_refused(joint):
    folder, network, config, *_ = joint
    other = inference.change(config, {"semantic_stride": 16})
    with pytest.raises(ValueError, match=r"`semantic_stride` must equal `affinity_stride`.*16, N"):
        prediction_runs.load_networks(other, *_dirs(folder))
    with pytest.raises(ValueError, match=r"`semantic_dir` must hold the semantic .*the joint one"):
        prediction_runs.load_networks(
            config, str(folder / "model/joint"), str(folder / "scene/networks/affinity")
        )
    with pytest.raises(ValueError, match="the affinity network must be of that kind"):
        Segmenter(network.part("semantic"), network.part("semantic"), config)
