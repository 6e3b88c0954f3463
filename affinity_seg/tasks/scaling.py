"""Scales learning rate and steps to another batch size than the configured one."""

from affinity_seg.configs import experiments

_STEP_FIELDS = ("train_steps", "checkpoint_interval", "validation_interval")


def scale_to_batch(params: experiments.Experiment, batch_size: int) -> list[str]:
    """Changes an experiment to another global batch by the linear scaling rule, in place.

    With a batch k times as large the learning rate, also that of a warmup, is k times as high, and
    steps, and the steps of schedule and warmup, are k times fewer, so that the network sees the
    same images.

    Args:
      params: The experiment, not locked; its learning rate is exponential or cosine.
      batch_size: The new `task.train_data.global_batch_size`.

    Returns:
      One line for each field that is not zero: its name, old and new value.

    Raises:
      ValueError: `batch_size` is not positive, the learning rate is of another type, or the
        experiment breaks a rule with this batch.
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

    def change_rate(owner: object, name: str, where: str) -> None:
        if getattr(owner, name, 0):
            change(owner, name, where, getattr(owner, name) * factor)

    def change_steps(owner: object, name: str, where: str) -> None:
        if getattr(owner, name, 0):
            change(owner, name, where, max(1, round(getattr(owner, name) / factor)))

    where = "trainer.optimizer_config"
    change(data, "global_batch_size", "task.train_data", batch_size)
    change_rate(rate, "initial_learning_rate", f"{where}.learning_rate.{schedule.type}")
    for name in ("decay_steps", "offset"):
        change_steps(rate, name, f"{where}.learning_rate.{schedule.type}")
    warmup = trainer.optimizer_config.warmup
    change_rate(warmup.get(), "warmup_learning_rate", f"{where}.warmup.{warmup.type}")
    change_steps(warmup.get(), "warmup_steps", f"{where}.warmup.{warmup.type}")
    for name in _STEP_FIELDS:
        change_steps(trainer, name, "trainer")
    params.validate()
    return lines
