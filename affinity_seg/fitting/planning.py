"""Makes the plan of a fit from its images, and the experiment of a plan."""

import os
import time

from affinity_seg import class_tables, resources
from affinity_seg.configs import experiments
from affinity_seg.data import replay, truth_classes, truth_forms
from affinity_seg.fitting import choices, preparing, sets, settings, starts, timing, values
from affinity_seg.fitting.plan import Choice, Plan
from affinity_seg.fitting.preparing import Data, Request
from affinity_seg.labels import ClassTable
from affinity_seg.tasks import experiment_flags

_RATES = {False: 0.003, True: 0.004}
"""Learning rate of a training whose images are new to the network, by `regions`."""

_RATES_TO_KEEP = {False: 0.00003, True: 0.0003}
"""Learning rate of a training that keeps what its start knows, by whether images are replayed."""

_BACKBONE = "nuclei"
"""The shipped model whose backbone a training without a start begins with."""

_STEPS_TO_MEASURE = 100
"""Steps of the experiment of which some are measured; only its schedule depends on them."""


def make(request: Request, data: Data, start: starts.Start | None, began: float) -> Plan:
    """Makes a plan; checks and measures the images and times some steps for it.

    Args:
      request: What the user asks for.
      data: The images.
      start: The model to start from.
      began: When the fit began, by `time.monotonic`.

    Raises:
      FileNotFoundError: There is no such class table.
      ValueError: No image can be used, there is no object, or the masks look wrong.
    """
    folder = request.output_dir
    plan = Plan(class_table=_class_table(request, data, start))
    class_table = sets.find_class_table(folder, plan.value("class_table"))
    found = data.look(class_table)
    plan |= choices.of_the_data(found, class_table)
    if start is not None:
        plan |= choices.of_the_start(start.name, starts.fixed_by(start))
    plan |= _weights(data, class_table, start, plan.value("regions"))
    plan |= sets.split_choices(
        data.usable(), len(data.with_objects()), request.seed, plan.value("keep_start")
    )
    data.write_records(plan, class_table, start)
    print("measuring a training step", flush=True)
    plan |= Plan(train_steps=Choice(_STEPS_TO_MEASURE, ""))
    params = experiment(request, data, plan, start)
    seconds = timing.measure(params)
    split = data.split(plan)
    budget = timing.Budget(
        minutes=request.minutes,
        spent=time.monotonic() - began,
        step=seconds,
        batch=params.task.train_data.global_batch_size,
        num_train=len(split.train),
        num_tuning=len(split.tuning),
        num_judged=len(split.judged),
        keeps_start=plan.value("keep_start"),
    )
    plan |= Plan(train_steps=timing.steps(budget, found, plan))
    return Plan({name: plan[name] for name in values.NAMES})


def _weights(
    data: Data, class_table: ClassTable, start: starts.Start | None, regions: bool
) -> Plan:
    """Returns the choices of the first weights, and of how they are kept or changed."""
    if start is None:
        return Plan(
            start_from=Choice(None, "No --start_from was given: decoder and head are fresh."),
            keep_start=Choice(False, "There is no start."),
            replayed_share=Choice(0.0, "There is no start whose images could be replayed."),
            backbone=Choice(
                _BACKBONE,
                "The backbone begins with that of this model, which saves steps on other images "
                "too. null: fresh weights.",
            ),
            learning_rate=_rate_of_new_images(regions),
        )
    print(f"measuring {start.name} on these images", flush=True)
    names = data.with_objects()
    plan = starts.choose(
        start, [item for item in data.usable().train if item.name in names], class_table
    )
    rate = _rate_of_new_images(regions)
    if plan.value("keep_start"):
        rate = Choice(
            _RATES_TO_KEEP[plan.value("replayed_share") > 0],
            f"Low, so that the network keeps what it knows; {_RATES_TO_KEEP[False]:f} if nothing "
            "is replayed.",
        )
    plan |= Plan(
        start_from=Choice(start.name, "As given by --start_from."),
        backbone=Choice(None, f"All weights are those of {start.name}."),
        learning_rate=rate,
    )
    return plan


def _rate_of_new_images(regions: bool) -> Choice:
    """Returns the choice of the learning rate where the images are new to the network."""
    return Choice(_RATES[regions], "That of a training whose images are new to the network.")


def experiment(
    request: Request, data: Data, plan: Plan, start: starts.Start | None
) -> experiments.Experiment:
    """Writes the experiment of a plan; returns it, validated and not locked.

    Raises:
      ValueError: A value of the plan breaks a rule, or does not fit its classes or its start.
    """
    import tensorflow as tf
    from official.core import train_utils

    folder, value = request.output_dir, plan.value("class_table")
    class_table = sets.find_class_table(folder, value)
    if start is not None:
        starts.check(start, plan, class_table)
    preset = settings.preset(plan, start, class_table)
    preset.merge_options(class_table, plan.value("distances"))
    changes = settings.overrides(
        plan,
        class_table=sets.locate_class_table(folder, value),
        class_names=class_table.class_names,
        train_path=replay.pattern(folder, replay.TRAIN),
        replayed_path=replay.pattern(folder, replay.REPLAYED),
        tuning_path=replay.pattern(folder, preparing.TUNING),
        num_images=len(data.split(plan).train),
        start=start,
    )
    path = settings.write_experiment(folder, changes)
    base = [resources.find(name, resources.EXPERIMENTS, ".yaml") for name in settings.BASE]
    options = train_utils.ParseConfigOptions(experiments.JOINT, [*base, path])
    params = experiment_flags.parse(options)
    # One GPU at most: a small network with a small batch gains nothing from more, and validation
    # has batches of one image.
    params.runtime.num_gpus = min(1, len(tf.config.list_physical_devices("GPU")))
    return params


def _class_table(request: Request, data: Data, start: starts.Start | None) -> Choice:
    """Returns the choice of the class table; writes its file if it has none of its own.

    There is no plan yet, so a file that is there is from a run that did not come so far.
    """
    if request.class_table is not None:
        given = request.class_table
        if os.path.isfile(given):  # Else it would be looked for in the output folder first.
            given = os.path.abspath(given)
        return Choice(given, "As given by --class_table.")
    items, table = data.listed.everything, truth_classes.ONE_CLASS
    if items[0].form != truth_forms.INSTANCES:
        table = truth_classes.of_truth(items)
    if table not in (truth_classes.ONE_CLASS, truth_classes.ONE_CLASS_AND_VOID):
        truth_classes.write(table, request.output_dir)
        names = ", ".join(table.class_names[1:])
        return Choice(class_tables.TABLE_FILE, f"The truth names these classes: {names}.")
    if start is not None:
        truth_classes.write(start.class_table, request.output_dir)
        return Choice(
            class_tables.TABLE_FILE, f"That of {start.name}, since no --class_table was given."
        )
    truth_classes.write(table, request.output_dir)
    return Choice(
        class_tables.TABLE_FILE,
        "One class, `object`: no --class_table was given, and the truth names no classes.",
    )
