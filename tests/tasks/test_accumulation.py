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
    """Returns losses of some steps on a batch and the change of all weights, a vector."""
    model = task.build_model()
    start = np.concatenate([weights.ravel() for weights in model.get_weights()])
    step = tf.function(lambda crops: task.train_step(crops, model, optimizer)[task.loss])
    losses = [step(batch).numpy() for _ in range(steps)]
    return losses, np.concatenate([weights.ravel() for weights in model.get_weights()]) - start


def assert_same_training(ours, theirs):
    """Compares what `train` returned, up to the rounding of convolutions.

    Kernels of a processor may sum batches of 4 and of 2 in another order. A ReLU near 0 makes more
    of that, and each step at a high rate. Training of these tests is slow enough to bound it.
    """
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-3)
    assert np.linalg.norm(ours[1] - theirs[1]) < 0.01 * np.linalg.norm(theirs[1])


@pytest.mark.parametrize("kind", list(KINDS))
def test_parts_train_as_the_whole(kind, tmp_path):
    weights = {"class_weights": [1.0 + i for i in range(9)]} if kind != "affinity" else {}
    results = []
    for parts in (1, 2):
        task, batch = build(kind, tmp_path, parts, **weights)
        results.append(train(task, batch, tf_keras.optimizers.SGD(0.001, momentum=0.9)))
    (losses, _), _ = results
    assert losses[0] > losses[-1]
    assert_same_training(*results)


def test_parts_train_with_a_scaled_loss(tmp_path):
    results = []
    for scaled in (False, True):
        task, batch = build("affinity", tmp_path, 2)
        optimizer = tf_keras.optimizers.legacy.SGD(0.001)
        if scaled:
            optimizer = tf_keras.mixed_precision.LossScaleOptimizer(optimizer, initial_scale=64)
        results.append(train(task, batch, optimizer))
    assert_same_training(*results)


def test_parts_must_be_equal():
    batch = {"a": tf.zeros([4, 2]), "b": tf.zeros([4])}
    parts = accumulation.split(batch, 2)
    assert [part["a"].shape for part in parts] == [[2, 2], [2, 2]]
    with pytest.raises(ValueError, match=r"`task.accumulated_batches` .* replica, 4: 3"):
        accumulation.split(batch, 3)
