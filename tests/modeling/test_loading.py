"""Trained networks come back from their folders; what is wrong with a folder is named."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_warnings
import yaml

from affinity_seg.modeling import loading, network_folder


def test_load_network_gives_the_trained_weights(trained):
    kind, model_dir = trained
    network = loading.load_network(str(model_dir))
    assert (network.kind, network.output_stride) == (kind, 8)
    assert network.class_table.name == "cityscapes"
    assert network.num_outputs == {"semantic": 9, "affinity": 56, "joint": 65}[kind]
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(model_dir)))
    key = "head/_classifier/kernel/.ATTRIBUTES/VARIABLE_VALUE"
    np.testing.assert_array_equal(network.model.head.get_weights()[0], reader.get_tensor(key))
    image = np.random.default_rng(0).integers(0, 256, (1, 65, 90, 3), np.uint8)
    logits = network.logits(network.normalize(image))
    assert logits.shape == (1, 9, 12, network.num_outputs)
    assert logits.dtype == tf.float32
    again = loading.load_network(str(model_dir), output_stride=16)
    coarse = again.logits(again.normalize(image))
    assert coarse.shape == (1, 5, 6, network.num_outputs)
    np.testing.assert_array_equal(
        again.model.backbone.get_weights()[0], network.model.backbone.get_weights()[0]
    )
    np.testing.assert_array_equal(
        logits, loading.load_network(str(model_dir)).logits(network.normalize(image))
    )


def test_half_precision_gives_nearly_the_same_logits(trained):
    _, model_dir = trained
    image = np.random.default_rng(0).integers(0, 256, (1, 65, 90, 3), np.uint8)
    exact = loading.load_network(str(model_dir))
    wanted = exact.logits(exact.normalize(image)).numpy()
    for precision in ("mixed_float16", "mixed_bfloat16"):
        network = loading.load_network(str(model_dir), precision=precision)
        assert network.model.compute_dtype == precision.removeprefix("mixed_")
        assert {weight.dtype for weight in network.model.weights} == {tf.float32}
        logits = network.logits(network.normalize(image))
        assert logits.dtype == tf.float32
        difference = np.abs(logits - wanted).max()
        assert 0 < difference < 0.05 * np.abs(wanted).max()


def test_load_network_names_what_is_missing(trained, tmp_path):
    _, model_dir = trained
    with pytest.raises(FileNotFoundError, match="nowhere"):
        loading.load_network(str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"params\.yaml is missing"):
        loading.load_network(str(tmp_path))
    (tmp_path / "params.yaml").write_text((model_dir / "params.yaml").read_text())
    with pytest.raises(FileNotFoundError, match="checkpoint"):
        loading.load_network(str(tmp_path))


def test_damaged_folders_are_named(trained, tmp_path):
    _, model_dir = trained
    shutil.copytree(model_dir, tmp_path / "model")
    weights = next((tmp_path / "model").glob("ckpt-2.data*"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"ckpt-2: the checkpoint is damaged"):
        loading.load_network(str(tmp_path / "model"))
    for content in (
        "task: [",
        "",
        "task: {name: other}",
        "{task: {name: affinity_seg_affinity, model: {a: 1}}}",
    ):
        (tmp_path / "model" / "params.yaml").write_text(content)
        with pytest.raises(
            ValueError, match=r"params\.yaml: not a configuration that `affinity_seg train`"
        ):
            loading.load_network(str(tmp_path / "model"))


def test_fields_of_training_that_are_no_more_do_not_matter(trained, tmp_path):
    _, model_dir = trained
    shutil.copytree(model_dir, tmp_path / "model")
    path = tmp_path / "model" / "params.yaml"
    params = yaml.safe_load(path.read_text())
    params["task"]["losses"]["a_former_field"] = 1
    params["trainer"]["a_former_field"] = 1
    path.write_text(yaml.safe_dump(params))
    found, wanted = loading.load_network(str(tmp_path / "model")), loading.load_network(model_dir)
    for a, b in zip(found.model.get_weights(), wanted.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_network_that_is_loaded_warns_of_nothing(trained):
    folder = str(trained[1])
    with tensorflow_warnings.recorded() as messages:
        loading.load_network(folder)
    assert messages == []
    # Optimizer and step are in the file: who does not say that they are not wanted is warned.
    with tensorflow_warnings.recorded() as messages:
        network = loading.load_network(folder)
        tf.train.Checkpoint(model=network.model).read(network_folder.latest_checkpoint(folder))
    assert any("could not be found in the restored object" in message for message in messages)
