"""Turns a plan into the experiment of its training and the preset of its inference."""

import dataclasses
import math
import os
from typing import Any

import yaml

from affinity_seg import files, structured
from affinity_seg.configs import inference
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.fitting import plan as plan_file
from affinity_seg.fitting import starts, values
from affinity_seg.fitting.plan import Plan
from affinity_seg.labels import ClassTable
from affinity_seg.modeling import network_folder

EXPERIMENT = "experiment.yaml"
"""File of what a plan changes of `BASE`, in the output folder."""

BASE = ("small", "nuclei", "nuclei_joint")
"""Files of configs/experiments that every fit begins with."""

_PRESETS = {True: "demo", False: "nuclei"}
"""The preset that a fit begins with, by `regions`."""

_WARM_UP = 50
VALIDATIONS = 5
"""Validations of a training that keeps what its start knows; the best of them is taken."""

_FREEZE_BELOW = 50
"""With fewer images than this, a start from other weights keeps its statistics of BatchNorm."""


def overrides(
    plan: Plan,
    *,
    class_table: str,
    class_names: tuple[str, ...],
    train_path: str,
    replayed_path: str,
    tuning_path: str,
    num_images: int,
    start: starts.Start | None,
) -> dict[str, Any]:
    """Returns what a plan changes of the experiment `BASE`.

    Args:
      plan: The plan.
      class_table: Path or name of its class table.
      class_names: Its classes, background first.
      train_path: Pattern of the records to train on.
      replayed_path: Pattern of the records of the start that are replayed, if the plan wants some.
      tuning_path: Pattern of the records to validate on, if it keeps what its start knows.
      num_images: Images to train on.
      start: The model of `start_from`.
    """
    task, trainer = _task(plan, class_table, train_path, tuning_path), _trainer(plan)
    if start is not None:
        own = network_folder.read_task(network_folder.params_dir(start.network_dir))
        task |= {
            "model": own.model.as_dict(),
            "init_checkpoint": start.network_dir,
            "init_checkpoint_modules": ["backbone", "decoder"]
            + ["head"] * start.has_classes(class_names),
            "freeze_batch_norm": num_images < _FREEZE_BELOW,
        }
    elif plan.value("backbone") is not None:
        task |= {
            "init_checkpoint": starts.read(plan.value("backbone"), "backbone").network_dir,
            "init_checkpoint_modules": ["backbone"],
        }
    if plan.value("replayed_share"):
        task["train_data"] |= {
            "replayed_path": replayed_path,
            "replayed_share": plan.value("replayed_share"),
        }
    if plan.value("keep_start"):
        trainer |= _validated(plan.value("train_steps"))
        # Averages of the whole training, which begin with the start: they keep what it knows.
        decay = round(1 - 1 / plan.value("train_steps"), 6)
        trainer["optimizer_config"]["ema"] = {"average_decay": decay, "dynamic_decay": False}
    return {"task": task, "trainer": trainer}


def _task(plan: Plan, class_table: str, train_path: str, tuning_path: str) -> dict[str, Any]:
    """Returns network, data and losses of a training with fresh weights."""
    value = plan.value
    side = value("crop_size")
    zooming = {
        "object_size": value("object_size") or 0.0,
        "min_zoom": value("min_zoom"),
        "max_zoom": value("max_zoom"),
    }
    least, most = value("scales")
    share = value("microscope")
    return {
        "class_table": class_table,
        "foreground_share": value("foreground_share"),
        "distances": value("distances"),
        "model": {
            "contrast_percentiles": value("contrast_percentiles"),
            "contrast_floor": value("contrast_floor"),
            **_channels(value("channels")),
            "fusion": values.DECODERS[value("decoder_stride")],
            "aspp": {"rates": value("aspp_rates")},
        },
        "train_data": {
            **zooming,
            "input_path": train_path,
            "crop_size": [side, side],
            "scale_min": least,
            "scale_max": most,
            "random_turn": value("random_turn"),
            "photometric": value("photometric"),
            "microscope": {"share": share} if share else {"share": 0.0, "empty": 0.0},
            "object_crops": value("object_crops"),
            "seed": value("seed"),
        },
        "validation_data": {
            **zooming,
            "input_path": tuning_path,
            "crop_size": [2 * side, 2 * side],
            "global_batch_size": 1,
        },
        "losses": {
            "class_weights": value("class_weights"),
            "affinity_weight": value("affinity_weight"),
            "other_instance_pair_weight": value("other_instance_pair_weight"),
            "sample_stride": min(4, value("decoder_stride")),
        },
    }


def _trainer(plan: Plan) -> dict[str, Any]:
    """Returns steps and optimizer of a training with fresh weights."""
    steps, rate = plan.value("train_steps"), plan.value("learning_rate")
    loop = min(_WARM_UP, steps)
    return {
        "train_steps": steps,
        **_loop(loop, steps),
        "validation_interval": steps,
        "optimizer_config": {
            "learning_rate": {"cosine": {"initial_learning_rate": rate, "decay_steps": steps}},
            "warmup": {
                "linear": {
                    "warmup_steps": min(_WARM_UP, steps - 1),
                    "warmup_learning_rate": round(rate / 10, 9),
                }
            },
        },
    }


def _validated(steps: int) -> dict[str, int]:
    """Returns the intervals of a training that is validated `VALIDATIONS` times, and at its end."""
    loop = max(1, min(_WARM_UP, steps // VALIDATIONS))
    return _loop(loop, steps) | {"validation_interval": loop * max(1, steps // VALIDATIONS // loop)}


def _loop(loop: int, steps: int) -> dict[str, int]:
    """Returns the intervals of summaries and checkpoints, given the steps between two summaries."""
    return {
        "steps_per_loop": loop,
        "summary_interval": loop,
        "checkpoint_interval": loop * max(1, min(200, steps) // loop),
    }


def _channels(count: int) -> dict[str, Any]:
    """Returns the fields of a network for images of so many channels."""
    return {} if count == 3 else {"num_channels": count, "pixel_mean": [127.5] * count}


def write_experiment(folder: str, changes: dict[str, Any]) -> str:
    """Writes what a plan changes of `BASE`; returns the path."""
    path = os.path.join(folder, EXPERIMENT)
    head = f"# Made by `affinity_seg fit` from {plan_file.FILE}, on top of {', '.join(BASE)}.\n"
    text = head + yaml.safe_dump(structured.plain(changes), sort_keys=False)
    files.write_bytes(path, text.encode())
    return path


def preset(plan: Plan, start: starts.Start | None, class_table: ClassTable) -> InferenceConfig:
    """Returns the preset with which the tuning begins.

    Args:
      plan: The plan.
      start: The model of `start_from`.
      class_table: The classes.

    Raises:
      ValueError: A value of the plan breaks a rule.
    """
    value = plan.value
    fields = {
        name: value(name)
        for name in ("regions", "min_zoom", "max_zoom", "merge_window", "min_pixels")
    }
    fields |= {name: tuple(value(name)) for name in ("stages", "thresholds")}
    size = value("object_size")
    fields["zoom"] = "box_height" if value("regions") else "none"
    if size is not None:
        fields |= {"zoom": inference.AUTO_ZOOM, "object_size": size}
        middle = round(math.sqrt(value("min_zoom") * value("max_zoom")), 2)
        fields["first_zoom"] = min(max(middle, value("min_zoom")), value("max_zoom"))
    fields["lowest_zoom"] = None  # The training keeps to `min_zoom`.
    before = inference.load_config(_PRESETS[value("regions")]) if start is None else start.preset
    if start is not None and start.class_table.class_names != class_table.class_names:
        before = dataclasses.replace(before, groups=None, refine_classes=())  # Of other classes.
    if all(getattr(before, name) == fields[name] for name in ("min_zoom", "max_zoom")):
        fields.pop("first_zoom", None)
    return dataclasses.replace(before, **fields)
