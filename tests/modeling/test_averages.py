"""The moving averages of the weights are what a trained network is loaded with."""

import json

import numpy as np
import pytest
import tensorflow as tf
from official.core import task_factory
from training_records import parse, write, write_config

from affinity_seg.modeling import loading
from affinity_seg.tasks import training

OVERRIDE = """
trainer:
  optimizer_config:
    optimizer: {type: adam}
    learning_rate: {exponential: {initial_learning_rate: 0.01}}
    ema: {average_decay: 0.5, trainable_weights_only: false}
"""


@pytest.fixture(scope="module")
def averaged(tmp_path_factory):
    """Folder and configuration of a joint network after four steps."""
    folder = tmp_path_factory.mktemp("averaged")
    write(folder / "train.tfrecord")
    config = write_config(folder / "config.yaml", folder / "train.tfrecord", train_steps=4)
    training.run(_parse(config), str(folder / "model"), "train_and_eval")
    return folder, config


def _parse(config):
    override = config.parent / "override.yaml"
    override.write_text(OVERRIDE)
    return parse("joint", config, str(override))


def test_last_and_best_checkpoint_load_as_the_average(averaged):
    folder, _ = averaged
    last, best = (
        loading.load_network(str(folder / name)).model.get_weights()
        for name in ("model", "model/best")
    )
    for ours, theirs in zip(last, best, strict=True):
        # Swapping weights and averages adds and subtracts them.
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_the_weights_of_the_last_step_differ(averaged):
    folder, config = averaged
    network = loading.load_network(str(folder / "model"))
    task = task_factory.get_task(_parse(config).task)
    model = task.build_model()
    checkpoint = tf.train.latest_checkpoint(str(folder / "model"))
    tf.train.Checkpoint(model=model).read(checkpoint).expect_partial()
    differences = [
        np.abs(a - b).max()
        for a, b in zip(model.get_weights(), network.model.get_weights(), strict=True)
    ]
    assert min(max(differences), np.median(differences)) > 1e-5


def test_another_training_starts_from_the_average(averaged):
    folder, config = averaged
    params = _parse(config)
    params.task.init_checkpoint = str(folder / "model")
    task = task_factory.get_task(params.task)
    model = task.build_model()
    task.initialize(model)
    wanted = loading.load_network(str(folder / "model")).model.get_weights()
    for ours, theirs in zip(model.get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.long
def test_a_harmful_training_keeps_the_network_that_it_started_from(averaged, tmp_path):
    folder, config = averaged
    params = _parse(config)
    params.task.init_checkpoint = str(folder / "model")
    params.trainer.optimizer_config.learning_rate.exponential.initial_learning_rate = 10.0
    training.run(params, str(tmp_path), "train_and_eval")
    best = json.loads((tmp_path / "best" / "info.json").read_text())
    assert best["best_ckpt_global_step"] == 0
    start, kept, last = (
        loading.load_network(str(path)).model.get_weights()
        for path in (folder / "model", tmp_path / "best", tmp_path)
    )
    for ours, theirs in zip(kept, start, strict=True):
        # The weights and their averages, which are equal, were swapped by adding and subtracting.
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert max(np.abs(a - b).max() for a, b in zip(last, start, strict=True)) > 1


def test_what_cannot_be_averaged_is_refused(averaged):
    _, config = averaged
    params = _parse(config)
    params.trainer.optimizer_config.ema.trainable_weights_only = True
    with pytest.raises(ValueError, match=r"`.*ema.trainable_weights_only` must be false.*: True"):
        params.validate()
    params = _parse(config)
    params.trainer.optimizer_config.optimizer.type = "adam_experimental"
    with pytest.raises(
        ValueError, match=r"`.*optimizer.type` must be one that .* average.*'adam_e"
    ):
        params.validate()
