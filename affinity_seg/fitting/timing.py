"""How many steps of training fit the minutes."""

import math
from typing import NamedTuple

from affinity_seg.configs import experiments
from affinity_seg.fitting import zooms
from affinity_seg.fitting.plan import Choice, Plan
from affinity_seg.fitting.survey import Survey

USEFUL_STEPS, USEFUL_STEPS_OF_A_START = 500, 50
"""Fewer steps than this hardly train a network; the second with the weights of another model."""

_LEAST_STEPS = 20
"""Fewer steps are never made: the moving average of the weights begins at zero and needs ten."""

_STEPS = 12
"""Steps that are timed."""

_PASSES_TO_KEEP = 160
"""Passes over the new images, at most, of a training that keeps what its start knows.

More would make it forget. If images are replayed, there are as many steps, so fewer passes.
"""

_LEAST_RESERVE, _MOST_RESERVE = 0.1, 0.4
"""Share of the minutes that is left for tuning and judging, at least and at most."""

_TRAINING_COST = 3
"""A training step takes the time of so many predictions of its pixels."""

_TUNING_PASSES, _JUDGING_PASSES = 6, 4
"""Predictions of an image: for its zoom, and with its mirror image."""

_MERGES, _MERGED_PIXELS = 40, 4e6
"""Merges of an image in the tuning, and pixels merged a second."""

_START_UP, _VALIDATING = 60.0, 45.0
"""Seconds of loading networks, evaluating and drawing, and of the validations of a training that
keeps what its start knows."""


class Budget(NamedTuple):
    """What the number of steps depends on.

    Attributes:
      minutes: All minutes of the fit.
      spent: Seconds of them that have passed.
      step: Seconds of a step.
      batch: Images of a step.
      num_train, num_tuning, num_judged: Numbers of images.
      keeps_start: Whether the training starts from another model and keeps what that knows.
    """

    minutes: float
    spent: float
    step: float
    batch: int
    num_train: int
    num_tuning: int
    num_judged: int
    keeps_start: bool


def measure(params: experiments.Experiment) -> float:
    """Returns the seconds of a training step of an experiment, validated and not locked.

    Raises:
      FileNotFoundError: There are no TFRecords or not all.
    """
    from affinity_seg.tasks import step_times

    return step_times.measure(step_times.build(params), _STEPS).total / _STEPS


def steps(budget: Budget, found: Survey, plan: Plan) -> Choice:
    """Returns the choice of `train_steps`.

    Args:
      budget: Time and images.
      found: The measures.
      plan: The choices of the zoom, of the crops and of what is replayed.
    """
    reserve = _reserve(budget, found, plan)
    left = 60 * budget.minutes - budget.spent - reserve
    count = max(_LEAST_STEPS, math.floor(left / budget.step))
    why = (
        f"A step was measured to take {budget.step:.2f} s. Of {budget.minutes:g} minutes "
        f"{budget.spent:.0f} s have passed and {reserve:.0f} s are left for tuning and judging"
    )
    if budget.keeps_start:
        most = max(USEFUL_STEPS_OF_A_START, _PASSES_TO_KEEP * budget.num_train // budget.batch)
        passes = round(_PASSES_TO_KEEP * (1 - plan.value("replayed_share")))
        if most < count:
            return Choice(
                most,
                f"{why}, but more than {passes} passes over {budget.num_train} images would make "
                "the network forget what it knew.",
            )
    return Choice(count, f"{why}.")


def warning(count: int, has_start: bool) -> str:
    """Returns a warning if a number of steps is too small to be of use, else an empty text."""
    least = USEFUL_STEPS_OF_A_START if has_start else USEFUL_STEPS
    if count >= least:
        return ""
    return f"{count} training steps are too few for a useful model, {least} at least: more minutes"


def _reserve(budget: Budget, found: Survey, plan: Plan) -> float:
    """Returns the seconds to be left for tuning and judging."""
    pixels = found.height * found.width_of_image * zooms.usual_zoom(found, plan) ** 2
    speed = _TRAINING_COST * budget.batch * plan.value("crop_size") ** 2 / budget.step
    networks = (_TUNING_PASSES * budget.num_tuning + _JUDGING_PASSES * budget.num_judged) / speed
    merges = _MERGES * budget.num_tuning / _MERGED_PIXELS
    wanted = _START_UP + _VALIDATING * budget.keeps_start + 1.5 * pixels * (networks + merges)
    least, most = (60 * budget.minutes * share for share in (_LEAST_RESERVE, _MOST_RESERVE))
    return min(max(wanted, least), most)
