"""Times training steps with fresh weights; nothing is kept."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
from official.core import task_factory, train_utils

from affinity_seg.configs import experiments
from affinity_seg.data import tfrecords
from affinity_seg.tasks import training

WARM_UP = 3
"""Steps before those that are timed: they trace the step and fill the pipeline's buffers."""


class Steps(NamedTuple):
    """The steps of an experiment.

    Attributes:
      replicas: Replicas of the strategy.
      dataset: Batches as in training.
      train: Trains one batch, and returns when it is done.
    """

    replicas: int
    dataset: Any
    train: Callable[[Any], None]


class Times(NamedTuple):
    """Seconds of some steps: in total, and waiting for their input; and the last batch."""

    total: float
    waiting: float
    last: Any


def build(params: experiments.Experiment) -> Steps:
    """Builds the network and the input pipeline of an experiment, validated and not locked.

    Raises:
      FileNotFoundError: There are no TFRecords or not all.
    """
    for pattern in params.task.train_data.patterns():
        tfrecords.require_shards(pattern)
    strategy = training.set_up(params.runtime)
    with strategy.scope():
        task = task_factory.get_task(params.task)
        trainer = train_utils.create_trainer(params, task, train=True, evaluate=False)
    step = tf.function(lambda inputs: trainer.train_step(iter([inputs])))
    last = trainer.model.trainable_variables[-1]

    def train(inputs) -> None:
        step(inputs)
        last.numpy()  # Waits for an accelerator.

    return Steps(strategy.num_replicas_in_sync, trainer.train_dataset, train)


def measure(steps: Steps, count: int) -> Times:
    """Times `count` steps with their input pipeline, after `WARM_UP` others."""
    iterator = iter(steps.dataset)
    for _ in range(WARM_UP):
        inputs = next(iterator)
        steps.train(inputs)
    waiting = 0.0
    start = time.perf_counter()
    for _ in range(count):
        asked = time.perf_counter()
        inputs = next(iterator)
        waiting += time.perf_counter() - asked
        steps.train(inputs)
    # Without the iterator the pipeline's threads end.
    return Times(time.perf_counter() - start, waiting, inputs)
