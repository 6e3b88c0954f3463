"""Another batch size than the configured one: learning rate and steps change with it."""

from affinity_seg.configs import experiments

_STEP_FIELDS = ("train_steps", "checkpoint_interval", "validation_interval")


def scale_to_batch(params: experiments.Experiment, batch_size: int) -> list[str]:
    """Changes an experiment to another global batch by the linear scaling rule, in place.

    With a batch k times as large the learning rate is k times as high, and steps, and the steps
    between its changes, are k times fewer, so that the network sees the same images.

    Args:
      params: The experiment, not locked; its learning rate is exponential or cosine.
      batch_size: The new `task.train_data.global_batch_size`.

    Returns:
      One line for each field: its name, old and new value.

    Raises:
      ValueError: `batch_size` is not positive, or the learning rate is of another type.
    """
    if batch_size < 1:
        raise ValueError(f"`--scale_to_batch` must be positive: {batch_size}")
    trainer, data = params.trainer, params.task.train_data
    schedule = trainer.optimizer_config.learning_rate
    if schedule.type not in ("exponential", "cosine"):
        raise ValueError(
            f"`--scale_to_batch` needs a learning rate of type exponential or cosine: "
            f"{schedule.type}"
        )
    factor = batch_size / data.global_batch_size
    rate = schedule.get()
    lines = []

    def change(owner: object, name: str, where: str, value: float) -> None:
        lines.append(f"{where}.{name}: {getattr(owner, name)} -> {value}")
        setattr(owner, name, value)

    where = f"trainer.optimizer_config.learning_rate.{schedule.type}"
    change(data, "global_batch_size", "task.train_data", batch_size)
    change(rate, "initial_learning_rate", where, rate.initial_learning_rate * factor)
    change(rate, "decay_steps", where, max(1, round(rate.decay_steps / factor)))
    for name in _STEP_FIELDS:
        change(trainer, name, "trainer", max(1, round(getattr(trainer, name) / factor)))
    return lines
