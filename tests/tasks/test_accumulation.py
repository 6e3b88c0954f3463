"""Batches that are taken in parts train as whole ones do."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
import training_records as records
from official.core import task_factory

from affinity_seg.tasks import accumulation


def build(kind, folder, parts, **losses):
    """Returns a task with frozen BatchNorm, whose statistics would differ, and a batch of 4."""
    tf_keras.utils.set_random_seed(1)
    records.write(folder / "train.tfrecord")
    config = records.write_config(folder / "config.yaml", folder / "train.tfrecord")
    changes = {"train_data": {"global_batch_size": 4, "scale_min": 0.6}, "losses": losses}
    records.change_config(config, changes)
    override = f"task.freeze_batch_norm=true,task.accumulated_batches={parts}"
    params = records.parse(kind, config, override)
    task = task_factory.get_task(params.task)
    return task, next(iter(task.build_inputs(params.task.train_data)))


def train(task, batch, optimizer):
    """Returns the losses of three steps on a batch, and the weights after them."""
    model = task.build_model()
    step = tf.function(lambda crops: task.train_step(crops, model, optimizer)[task.loss])
    return [step(batch).numpy() for _ in range(3)], model.get_weights()


def assert_same(results):
    (losses, weights), (other_losses, other_weights) = results
    # Losses are computed in float32, from the logits on.
    np.testing.assert_allclose(losses, other_losses, rtol=1e-5)
    for ours, theirs in zip(weights, other_weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", list(records.KINDS))
def test_parts_train_as_the_whole(kind, tmp_path, double_precision):
    weights = {"class_weights": [1.0 + i for i in range(9)]} if kind != "affinity" else {}
    results = []
    for parts in (1, 2):
        task, batch = build(kind, tmp_path, parts, **weights)
        results.append(train(task, batch, tf_keras.optimizers.SGD(0.02, momentum=0.9)))
    assert results[0][0][0] > results[0][0][-1]
    assert_same(results)


def test_parts_train_with_a_scaled_loss(tmp_path, double_precision):
    results = []
    for scaled in (False, True):
        task, batch = build("affinity", tmp_path, 2)
        optimizer = tf_keras.optimizers.legacy.SGD(0.02)
        if scaled:
            optimizer = tf_keras.mixed_precision.LossScaleOptimizer(optimizer, initial_scale=64)
        results.append(train(task, batch, optimizer))
    assert_same(results)


def test_parts_must_be_equal():
    batch = {"a": tf.zeros([4, 2]), "b": tf.zeros([4])}
    parts = accumulation.split(batch, 2)
    assert [part["a"].shape for part in parts] == [[2, 2], [2, 2]]
    with pytest.raises(ValueError, match=r"`task.accumulated_batches` .* replica, 4: 3"):
        accumulation.split(batch, 3)
