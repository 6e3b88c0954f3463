"""Packed models: what is in the folder, that it is used as any model, what is refused."""

import os
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
import yaml
from faults import scene
from running import ROOT

import affinity_seg
from affinity_seg import model_folder, verbs
from affinity_seg.configs import inference
from affinity_seg.data import replay
from affinity_seg.modeling import initialization, loading, stored_graph

PICTURE = os.path.join(ROOT, "models", "nuclei.png")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A model: two small networks, preset and scores; and the text of its card."""
    folder = tmp_path_factory.mktemp("source")
    small = scene.write(str(folder), images=1)
    for kind in model_folder.KINDS:
        path = folder / "networks" / kind / "params.yaml"
        params = yaml.safe_load(path.read_text())
        params["task"]["train_data"]["input_path"] = "/home/user/train-*"
        params["task"]["init_checkpoint"] = "/home/user/before"
        params["task"]["class_table"] = "/home/user/class_table.yaml"
        path.write_text(yaml.safe_dump(params))
    config = inference.load_config(small.preset)
    scores = {"streets/val": {"ap": 0.125, "ap50": None}}
    model_folder.write(small.checkpoint, preset=config, scores=scores)
    (folder / "card.md").write_text("# Small streets\n\nFor tests.\n")
    return folder


def pack(source, output_dir, *more):
    verbs.run(
        "pack",
        [f"--model={source}/networks", f"--card={source}/card.md", f"--picture={PICTURE}",
         f"--output_dir={output_dir}", *more],
    )  # fmt: skip


@pytest.fixture(scope="module")
def packed(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed") / "streets"
    pack(source, folder)
    return folder


def content(folder):
    """Returns the bytes of all files of a folder."""
    files = [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_it_has_what_inference_needs_and_nothing_else(source, packed):
    weights = ["checkpoint", "ckpt-1.data-00000-of-00001", "ckpt-1.index"]
    names = [*weights, "class_table.yaml", "graph.pb.gz", "params.yaml"]
    wanted = [f"{kind}/{name}" for kind in model_folder.KINDS for name in names]
    found = content(packed)
    assert sorted(found) == sorted(["README.md", "model.yaml", *wanted])
    assert not [name for name, text in found.items() if b"/home/user" in text]
    described, before = (model_folder.read(str(f)) for f in (packed, source / "networks"))
    assert described.config() == before.config() and described.scores == before.scores
    for folder in described.network_dirs:
        types = tf.train.load_checkpoint(folder).get_variable_to_dtype_map()
        found = [dtype for dtype in types.values() if dtype.is_floating]
        weights = loading.load_network(folder).model.weights
        kernels = [weight for weight in weights if weight.shape.rank > 1]
        assert len(found) == len(weights) and found.count(tf.float16) == len(kernels) > 0


def test_it_segments_as_any_model(source, packed):
    street = str(next((source / "data" / "images").iterdir()))
    assert len(affinity_seg.load(packed).segment(street).classes) > 3


def test_its_graphs_give_the_bits_of_the_networks_that_keras_builds(packed):
    image = np.random.default_rng(0).integers(0, 256, (1, 65, 90, 3), np.uint8)
    for kind in model_folder.KINDS:
        folder = str(packed / kind)
        stored, built = stored_graph.load_network(folder), loading.load_network(folder)
        assert isinstance(stored, stored_graph.StoredNetwork) and stored.traits == built.traits
        ours, theirs = (one.logits(one.normalize(image)) for one in (stored, built))
        np.testing.assert_array_equal(ours, theirs)


def test_images_it_was_trained_on_come_along(source, tmp_path):
    with pytest.raises(ValueError, match=r"`replayed_images` must be at most 0, .*tfrecords: 1"):
        pack(source, tmp_path / "packed", "--replayed_images=1")
    records = tmp_path / "trained" / replay.RECORDS
    shutil.copytree(source / "networks", tmp_path / "trained")
    shutil.copytree(os.path.join(ROOT, "models", "nuclei", replay.RECORDS), records)
    pack(source, tmp_path / "packed", "--replayed_images=2", f"--model={tmp_path}/trained")
    assert replay.count(str(tmp_path / "packed")) == 2


def test_a_training_can_start_from_it(packed):
    folder = str(packed / "semantic")
    network = loading.load_network(folder)
    model = network.model
    wanted = model.get_weights()
    model.set_weights([np.zeros_like(values) for values in wanted])
    modules = ["backbone", "decoder", "head"]
    initialization.start_from(
        folder, model, modules, network.class_table, lambda: pytest.fail("it is of RGB")
    )
    for ours, theirs in zip(model.get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_card_has_text_and_tables(packed):
    card = (packed / "README.md").read_text()
    assert card.startswith("# Small streets\n\nFor tests.\n\n## Scores\n")
    assert "| data set | ap | ap50 |" in card and "| streets/val | 0.125 | n/a |" in card
    assert "min_pixels: 20" in card
    weights = loading.load_network(str(packed / "affinity")).model.count_params()
    assert f"| affinity | {weights:,} | " in card


def test_a_packed_model_can_be_packed_again(packed, source, tmp_path):
    pack(source, tmp_path / "again", f"--model={packed}")
    assert sorted(content(tmp_path / "again")) == sorted(content(packed))
    for kind in model_folder.KINDS:
        before, after = (loading.load_network(str(f / kind)) for f in (packed, tmp_path / "again"))
        for ours, theirs in zip(before.model.weights, after.model.weights, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_network_of_both_roles_is_packed_once(source, tmp_path):
    shutil.copytree(source / "networks", tmp_path / "networks")
    model_folder.write(str(tmp_path / "networks"), networks={"affinity": "./semantic"})
    pack(source, tmp_path / "packed", f"--model={tmp_path}/networks")
    described = model_folder.read(str(tmp_path / "packed"))
    assert described.network_dirs == (f"{tmp_path}/packed/semantic",) * 2
    assert not (tmp_path / "packed" / "affinity").exists()


def test_what_is_refused_leaves_nothing(source, packed, tmp_path):
    before = content(packed)
    with pytest.raises(FileExistsError, match="must be new or empty"):
        pack(source, packed)
    assert content(packed) == before
    with pytest.raises(ValueError, match=r"must take at most 0.01 MB when packed: .* 0\.\d\d MB$"):
        pack(source, tmp_path / "out", "--max_megabytes=0.01")
    (tmp_path / "card.md").write_text("Streets\n")
    with pytest.raises(ValueError, match=r"card\.md: the first line must be a heading"):
        pack(source, tmp_path / "out", f"--card={tmp_path}/card.md")
    with pytest.raises(FileNotFoundError, match=r"one of the shipped models \['nuclei'\]: nowhere"):
        pack(source, tmp_path / "out", "--model=nowhere")
    assert [path.name for path in tmp_path.iterdir()] == ["card.md"]
