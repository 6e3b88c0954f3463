"""The chain of the paper's training runs: new classes, then another output stride."""

import flagfiles
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
import training_records as records
from official.core import task_factory

from affinity_seg import class_tables, resources
from affinity_seg.configs import experiments
from affinity_seg.modeling import loading
from affinity_seg.tasks import training

STRIDE_8 = "task.model.backbone.resnet_v1.output_stride=8"
STRIDE_16 = "task.model.backbone.resnet_v1.output_stride=16"


@pytest.fixture(scope="module")
def step_1(tmp_path_factory):
    """Folder of a semantic network with the 19 classes, at output stride 16, after two steps."""
    folder = tmp_path_factory.mktemp("chain")
    records.write(folder / "train.tfrecord")
    records.write_config(folder / "config.yaml", folder / "train.tfrecord")
    params = parse(folder, f"task.class_table=cityscapes_19,{STRIDE_16}")
    params.task.train_data.input_path = [str(folder / "train.tfrecord")] * 2  # A mix of sets.
    training.run(params, str(folder / "step_1"), "train_and_eval", seed=1)
    return folder / "step_1"


def parse(folder, override):
    return records.parse("semantic", folder / "config.yaml", override)


def initialized(params):
    """A model as the trainer starts with, and one with the fresh weights of the same seed."""
    task = task_factory.get_task(params.task)
    models = []
    for _ in range(2):
        tf_keras.utils.set_random_seed(5)
        models.append(task.build_model())
    task.initialize(models[0])
    return models


def assert_same(found, wanted):
    for ours, theirs in zip(found.get_weights(), wanted.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_step_1_has_19_classes(step_1):
    network = loading.load_network(str(step_1))
    assert network.class_table == class_tables.CITYSCAPES_19
    assert network.num_outputs == 19
    tags = set()
    for path in (step_1 / "validation").glob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            tags |= {value.tag for value in event.summary.value}
    assert {"iou/road", "iou/car", "mean_iou"} <= tags


def test_step_2_keeps_backbone_and_decoder_and_has_new_logits(step_1):
    chain = f"task.init_checkpoint={step_1},task.init_checkpoint_modules=[backbone,decoder]"
    params = parse(step_1.parent, f"{chain},{STRIDE_16}")
    model, fresh = initialized(params)
    before = loading.load_network(str(step_1)).model
    assert_same(model.backbone, before.backbone)
    assert_same(model.decoder, before.decoder)
    assert_same(model.head, fresh.head)
    assert model.head.get_weights()[0].shape[-1] == 9
    with pytest.raises(AssertionError):
        assert_same(fresh.backbone, before.backbone)

    # The trainer starts there, too: a step at rate 0 leaves the weights as they were.
    rate = "trainer.optimizer_config.learning_rate.exponential.initial_learning_rate=0.0"
    params = parse(step_1.parent, f"{chain},{STRIDE_16},{rate},trainer.train_steps=1")
    training.run(params, str(step_1.parent / "step_2"), "train")
    after = loading.load_network(str(step_1.parent / "step_2"))
    assert after.class_table == class_tables.CITYSCAPES
    for name in ("backbone", "decoder"):
        for ours, theirs in zip(
            getattr(after.model, name).trainable_weights,
            getattr(before, name).trainable_weights,
            strict=True,
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_stride_8_starts_from_all_weights_of_stride_16(step_1):
    table = "task.class_table=cityscapes_19"
    params = parse(step_1.parent, f"task.init_checkpoint={step_1},{table},{STRIDE_8}")
    assert params.task.init_checkpoint_modules == list(experiments.MODULES)
    model, _ = initialized(params)
    before = loading.load_network(str(step_1))
    assert (params.task.model.output_stride, before.output_stride) == (8, 16)
    assert_same(model, before.model)
    image = tf.zeros([1, 64, 96, 3])
    assert model(image)["logits"].shape == (1, 8, 12, 19)
    assert before.logits(image).shape == (1, 4, 6, 19)


def test_the_demo_starts_with_the_shipped_backbone_from_any_folder(tmp_path, monkeypatch):
    params = flagfiles.parse("demo_joint")
    monkeypatch.chdir(tmp_path)
    model, fresh = initialized(params)
    shipped = loading.load_network(f"{resources.root()}/models/nuclei/joint").model
    assert_same(model.backbone, shipped.backbone)
    assert_same(model.decoder, fresh.decoder)
    assert_same(model.head, fresh.head)


def test_the_head_of_other_classes_is_refused(step_1, tmp_path):
    params = parse(step_1.parent, f"task.init_checkpoint={step_1},{STRIDE_16}")
    message = r"ckpt-2: .*19 channels there .*'cityscapes_19'.* 9 here .*'cityscapes'\); start"
    with pytest.raises(ValueError, match=message):
        training.run(params, str(tmp_path / "model"), "train")
    assert tf.train.latest_checkpoint(str(tmp_path / "model")) is None


def test_a_damaged_checkpoint_is_named(step_1, tmp_path):
    (tmp_path / "ckpt-1.index").write_bytes(b"no checkpoint")
    params = parse(step_1.parent, f"task.init_checkpoint={tmp_path}/ckpt-1,{STRIDE_16}")
    with pytest.raises(ValueError, match=r"`task.init_checkpoint` must .*ckpt-1: .* is damaged"):
        initialized(params)


def test_other_channels_start_with_the_mean_of_rgb(step_1):
    chain = f"task.init_checkpoint={step_1},task.init_checkpoint_modules=[backbone,decoder]"
    channels = "task.model.num_channels=5,task.model.pixel_mean=[9,9,9,9,9]"
    params = parse(step_1.parent, f"{chain},{STRIDE_16},{channels}")
    model, _ = initialized(params)
    before = loading.load_network(str(step_1)).model
    first, *others = model.backbone.get_weights()
    rgb, *wanted = before.backbone.get_weights()
    assert rgb.shape[2] == 3 and first.shape[2] == 5
    np.testing.assert_allclose(
        first, np.repeat(rgb.sum(axis=2, keepdims=True) / 5, 5, 2), rtol=1e-6
    )
    for ours, theirs in zip(others, wanted, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert_same(model.decoder, before.decoder)
