"""Batches that are taken in parts train as whole ones do."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
import training_records as records
from official.core import task_factory, train_utils

from affinity_seg.configs import experiments
from affinity_seg.tasks import (
    accumulation,
    registry_imports,  # noqa: F401
)

KINDS = {kind: experiment for experiment, kind in experiments.KINDS.items()}


def build(kind, folder, parts, **losses):
    """Returns a task with frozen BatchNorm, whose statistics would differ, and a batch of 4."""
    tf_keras.utils.set_random_seed(1)
    records.write(folder / "train.tfrecord")
    config = records.write_config(folder / "config.yaml", folder / "train.tfrecord")
    changes = {"train_data": {"global_batch_size": 4, "scale_min": 0.6}, "losses": losses}
    records.change_config(config, changes)
    options = train_utils.ParseConfigOptions(
        experiment=KINDS[kind],
        config_file=[str(config)],
        params_override=f"task.freeze_batch_norm=true,task.accumulated_batches={parts}",
    )
    params = train_utils.parse_configuration(options, lock_return=False, print_return=False)
    task = task_factory.get_task(params.task)
    return task, next(iter(task.build_inputs(params.task.train_data)))


def train(task, batch, optimizer, steps=3):
    """Returns losses of some steps on a batch, and the weights before and after them."""
    model = task.build_model()
    before = model.get_weights()
    step = tf.function(lambda crops: task.train_step(crops, model, optimizer)[task.loss])
    losses = [step(batch).numpy() for _ in range(steps)]
    return losses, before, model.get_weights()


@pytest.mark.parametrize("kind", list(KINDS))
def test_parts_train_as_the_whole(kind, tmp_path):
    """Up to rounding: a processor's kernels may sum batches of 4 and of 2 in another order.

    A ReLU near 0 makes more of that, and so does each step at a high rate; this rate bounds it.
    """
    weights = {"class_weights": [1.0 + i for i in range(9)]} if kind != "affinity" else {}
    losses, changes = [], []
    for parts in (1, 2):
        task, batch = build(kind, tmp_path, parts, **weights)
        optimizer = tf_keras.optimizers.SGD(0.001, momentum=0.9)
        found, before, after = train(task, batch, optimizer)
        losses.append(found)
        changes.append(
            np.concatenate([(b - a).ravel() for a, b in zip(before, after, strict=True)])
        )
    assert losses[0][0] > losses[0][-1]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    assert np.linalg.norm(changes[1] - changes[0]) < 0.002 * np.linalg.norm(changes[0])


def test_parts_train_with_a_scaled_loss(tmp_path):
    results = []
    for scaled in (False, True):
        task, batch = build("affinity", tmp_path, 2)
        optimizer = tf_keras.optimizers.legacy.SGD(0.02)
        if scaled:
            optimizer = tf_keras.mixed_precision.LossScaleOptimizer(optimizer, initial_scale=64)
        results.append(train(task, batch, optimizer))
    (_, _, plain), (_, _, scaled) = results
    for ours, theirs in zip(scaled, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_parts_must_be_equal():
    batch = {"a": tf.zeros([4, 2]), "b": tf.zeros([4])}
    parts = accumulation.split(batch, 2)
    assert [part["a"].shape for part in parts] == [[2, 2], [2, 2]]
    with pytest.raises(ValueError, match=r"`task.accumulated_batches` .* replica, 4: 3"):
        accumulation.split(batch, 3)
