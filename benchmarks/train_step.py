"""How long a training step computes, and how long it waits for its input."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from official.core import task_factory, train_utils

from affinity_seg.configs import experiments
from affinity_seg.data import tfrecords
from affinity_seg.tasks import training

_WARM_UP = 3
"""Steps before those that are timed: they trace the step and fill the pipeline's buffers."""


def measure_step(params: experiments.Experiment, *, steps: int, repetitions: int) -> dict[str, Any]:
    """Trains a network with fresh weights and times its steps; nothing is written.

    In turns it takes `steps` from the input pipeline as in training, and `steps` with one batch
    that is there already while the pipeline does not run. Where the step computes on the CPU, the
    second are faster also because they have all cores.

    Args:
      params: The experiment, validated and not locked.
      steps: Steps of each turn that are timed.
      repetitions: Turns.

    Returns:
      Medians over the turns: seconds of a step, of it computing and waiting for input, the share
      of the wait, seconds of a step without the pipeline, and how many times longer one with it
      takes.

    Raises:
      FileNotFoundError: There are no TFRecords or not all.
    """
    tfrecords.require_shards(params.task.train_data.input_path)
    strategy = training.set_up(params.runtime)
    with strategy.scope():
        task = task_factory.get_task(params.task)
        trainer = train_utils.create_trainer(params, task, train=True, evaluate=False)
    step = tf.function(lambda inputs: trainer.train_step(iter([inputs])))
    last = trainer.model.trainable_variables[-1]

    def train(inputs) -> None:
        step(inputs)
        last.numpy()  # Waits for an accelerator.

    turns = [_turn(trainer.train_dataset, train, steps) for _ in range(repetitions)]

    def median(name: str) -> float:
        return statistics.median(turn[name] for turn in turns)

    seconds, batch = median("seconds"), params.task.train_data.global_batch_size
    return {
        "replicas": strategy.num_replicas_in_sync,
        "batch": batch,
        "crop": "x".join(map(str, params.task.train_data.crop_size)),
        "seconds/step": seconds,
        "computing": seconds - median("waiting"),
        "waiting": median("waiting"),
        "waiting, share": statistics.median(turn["waiting"] / turn["seconds"] for turn in turns),
        "without input": median("alone"),
        "with / without": statistics.median(turn["seconds"] / turn["alone"] for turn in turns),
        "crops/s": batch / seconds,
    }


def _turn(dataset: Any, train: Callable[[Any], None], steps: int) -> dict[str, float]:
    """Returns seconds of a step and of its wait, and seconds of a step without the pipeline."""
    iterator = iter(dataset)
    for _ in range(_WARM_UP):
        inputs = next(iterator)
        train(inputs)
    waiting = 0.0
    start = time.perf_counter()
    for _ in range(steps):
        asked = time.perf_counter()
        inputs = next(iterator)
        waiting += time.perf_counter() - asked
        train(inputs)
    total = time.perf_counter() - start
    del iterator  # Ends the pipeline's threads.
    train(inputs)
    start = time.perf_counter()
    for _ in range(steps):
        train(inputs)
    alone = time.perf_counter() - start
    return {"seconds": total / steps, "waiting": waiting / steps, "alone": alone / steps}
