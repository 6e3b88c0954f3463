"""How long a training step computes, and how long it waits for its input."""

import statistics
import time
from typing import Any

from affinity_seg.configs import experiments
from affinity_seg.tasks import step_times


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
    built = step_times.build(params)
    turns = [_turn(built, steps) for _ in range(repetitions)]

    def median(name: str) -> float:
        return statistics.median(turn[name] for turn in turns)

    seconds, batch = median("seconds"), params.task.train_data.global_batch_size
    return {
        "replicas": built.replicas,
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


def _turn(built: step_times.Steps, steps: int) -> dict[str, float]:
    """Returns seconds of a step and of its wait, and seconds of a step without the pipeline."""
    total, waiting, inputs = step_times.measure(built, steps)
    built.train(inputs)
    start = time.perf_counter()
    for _ in range(steps):
        built.train(inputs)
    alone = time.perf_counter() - start
    return {"seconds": total / steps, "waiting": waiting / steps, "alone": alone / steps}
