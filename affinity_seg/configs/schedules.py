"""At which step learning rate schedules end: after it the rate is 0, or not a number.

`cosine` (with `alpha` 0), `polynomial` (with `end_learning_rate` 0 and without `cycle`) and
`power_linear` reach 0, and `stepwise` does if its last value is 0; `step_cosine_with_offset` is
not a number behind its last boundary. `constant`, `exponential`, `power` and `power_with_offset`
have no end, and a `cosine` or `polynomial` with a positive floor stays there.
"""

from typing import Any, NamedTuple

from affinity_seg.model_garden import config_definitions as cfg


class End(NamedTuple):
    """The end of a schedule.

    Attributes:
      steps: Number of steps, from the first one, whose learning rate is above 0.
      field: The field of the schedule that this comes from, with its value.
    """

    steps: int
    field: str


def check(trainer: cfg.TrainerConfig) -> None:
    """Raises ValueError if training or its warmup goes on after the schedule has ended.

    A schedule counts from the first step of the run, those of the warmup included.
    """
    schedule = trainer.optimizer_config.learning_rate
    end = _end(schedule.type, schedule.get())
    if end is None:
        return
    where = f"`trainer.optimizer_config.learning_rate.{schedule.type}`"
    if trainer.train_steps > end.steps:
        raise ValueError(
            f"`trainer.train_steps` must be at most {end.steps}, where the learning rate of "
            f"{where} ends ({end.field}): {trainer.train_steps}; change both alike"
        )
    warmup = trainer.optimizer_config.warmup
    steps = getattr(warmup.get(), "warmup_steps", None) or 0
    # A warmup rises to the schedule's learning rate at the warmup's last step.
    if steps >= end.steps:
        raise ValueError(
            f"`trainer.optimizer_config.warmup.{warmup.type}.warmup_steps` must be below "
            f"{end.steps}, where the learning rate of {where} ends ({end.field}): {steps}"
        )


def _end(kind: str | None, schedule: Any) -> End | None:
    """Returns the end of a schedule of Model Garden, None if it has none."""
    if kind == "cosine":
        return None if schedule.alpha > 0 else _end_of(schedule, "decay_steps")
    if kind == "polynomial":
        goes_on = schedule.end_learning_rate > 0 or schedule.cycle
        return None if goes_on else _end_of(schedule, "decay_steps")
    if kind == "power_linear":
        goes_on = schedule.linear_decay_fraction <= 0
        return None if goes_on else _end_of(schedule, "total_decay_steps")
    if kind == "step_cosine_with_offset":
        return _end_of(schedule, "boundaries")
    if kind == "stepwise" and schedule.values and schedule.values[-1] <= 0:
        # A boundary of Model Garden is the last step of its value.
        return _end_of(schedule, "boundaries", more=1)
    return None


def _end_of(schedule: Any, field: str, more: int = 0) -> End | None:
    """Returns the end that a field says, or the last of its values; None if it is not set."""
    value = getattr(schedule, field)
    if not value:
        return None
    last = value[-1] if isinstance(value, list | tuple) else value
    text = f"`{field}` {value}"
    if schedule.offset:
        text += f", `offset` {schedule.offset}"
    return End(last + more + schedule.offset, text)
