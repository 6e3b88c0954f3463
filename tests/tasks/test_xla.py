"""Training steps that XLA compiles as a whole (`runtime.enable_xla`)."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
import training_records as records
from official.core import task_factory
from training_records import KINDS, parse


@pytest.mark.long
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_compiled_step_is_the_same(kind, tmp_path, double_precision):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(tmp_path / "config.yaml", tmp_path / "train.tfrecord")
    params = parse(kind, config, "task.freeze_batch_norm=true")
    losses, weights = [], []
    for compiled in (False, True):
        tf_keras.utils.set_random_seed(1)
        task = task_factory.get_task(params.task)
        batch = next(iter(task.build_inputs(params.task.train_data)))
        task.build_metrics(training=True)
        model, optimizer = task.build_model(), tf_keras.optimizers.SGD(0.02)
        # As in Model Garden's trainer, which compiles where there are GPUs only.
        step = tf.function(task.train_step, jit_compile=compiled)
        logs = [step(batch, model=model, optimizer=optimizer) for _ in range(2)]
        losses.append([log[task.loss].numpy() for log in logs])
        weights.append(model.get_weights())
        task.loss_watch.require_finite(
            tf.distribute.get_strategy(), step=2, patterns=params.task.train_data.patterns()
        )
    # Losses are computed in float32, from the logits on.
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
