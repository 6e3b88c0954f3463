"""Turns a plan into the experiment of its training and the preset of its inference."""

import math
import os
from typing import Any, NamedTuple

import yaml

from affinity_seg import files, model_folder, structured
from affinity_seg.configs import inference
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.fitting import plan as plan_file
from affinity_seg.fitting import values, zooms
from affinity_seg.fitting.plan import Plan
from affinity_seg.modeling import network_folder

EXPERIMENT = "experiment.yaml"
"""File of what a plan changes of `BASE`, in the output folder."""

BASE = ("small", "nuclei", "nuclei_joint")
"""Files of configs/experiments that every fit begins with."""

_PRESETS = {True: "demo", False: "nuclei"}
"""The preset that a fit begins with, by `regions`."""

_WARM_UP = 50
VALIDATIONS = 5
"""Validations of a training that starts from other weights; the best of them is kept."""

_FREEZE_BELOW = 50
"""With fewer images than this, a start from other weights keeps its statistics of BatchNorm."""


class Start(NamedTuple):
    """The model whose weights a training starts from.

    Attributes:
      name: As given.
      network_dir: Its network, one with both heads.
      preset: Its preset.
      class_names: Its classes, background first.
    """

    name: str
    network_dir: str
    preset: InferenceConfig
    class_names: tuple[str, ...]


def read_start(name: str, choice: str = "start_from") -> Start:
    """Reads the model whose weights a training begins with.

    Args:
      name: Its name or folder.
      choice: The choice of the plan that names it.

    Raises:
      FileNotFoundError: There is no such model.
      ValueError: It has two networks instead of one with both heads.
    """
    model = model_folder.read(name)
    if model.semantic_dir != model.affinity_dir:
        raise ValueError(
            f"`{choice}` must be a model of one network with both heads, as `fit` trains: {name}"
        )
    table = network_folder.read_class_table(model.semantic_dir)
    return Start(name, os.path.abspath(model.semantic_dir), model.config(), table.class_names)


def fixed_by(start: Start) -> dict[str, Any]:
    """Returns the choices that the weights and the preset of a start fix, by name."""
    task = network_folder.read_task(network_folder.params_dir(start.network_dir))
    preset = start.preset
    is_auto = preset.zoom == inference.AUTO_ZOOM
    scales = [1.0, preset.max_zoom if preset.regions else 1.25]
    if is_auto:
        scales = list(zooms.SCALES)
    return {
        "regions": preset.regions,
        "object_size": preset.object_size if is_auto else None,
        "min_zoom": preset.min_zoom,
        "max_zoom": preset.max_zoom,
        "scales": scales,
        "channels": task.model.num_channels,
        "contrast_percentiles": list(task.model.contrast_percentiles),
        "contrast_floor": task.model.contrast_floor,
        "decoder_stride": task.model.output_stride,
        "aspp_rates": list(task.model.aspp.rates),
        "distances": list(task.distances),
        "merge_window": preset.merge_window,
        "stages": list(preset.stages),
        "thresholds": list(preset.thresholds),
        "min_pixels": preset.min_pixels,
    }


def overrides(
    plan: Plan,
    *,
    class_table: str,
    class_names: tuple[str, ...],
    train_path: str,
    tuning_path: str,
    num_images: int,
    start: Start | None,
) -> dict[str, Any]:
    """Returns what a plan changes of the experiment `BASE`.

    Args:
      plan: The plan.
      class_table: Path or name of its class table.
      class_names: Its classes, background first.
      train_path: Pattern of the records to train on.
      tuning_path: Pattern of the records to validate on, if it starts from other weights.
      num_images: Images to train on.
      start: The model of `start_from`.
    """
    task, trainer = _task(plan, class_table, train_path, tuning_path), _trainer(plan)
    if start is not None:
        modules = ["backbone", "decoder"]
        if _has_classes_of(start, class_names):
            modules.append("head")
            # Averages of the whole training, which begin with the start: they keep what it knows.
            decay = round(1 - 1 / plan.value("train_steps"), 6)
            average = {"average_decay": decay, "dynamic_decay": False}
            trainer["optimizer_config"]["ema"] = average
        task |= {
            "model": network_folder.read_task(
                network_folder.params_dir(start.network_dir)
            ).model.as_dict(),
            "init_checkpoint": start.network_dir,
            "init_checkpoint_modules": modules,
            "freeze_batch_norm": num_images < _FREEZE_BELOW,
        }
        trainer |= _validated(plan.value("train_steps"))
    elif plan.value("backbone") is not None:
        task |= {
            "init_checkpoint": read_start(plan.value("backbone"), "backbone").network_dir,
            "init_checkpoint_modules": ["backbone"],
        }
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


def _has_classes_of(start: Start, class_names: tuple[str, ...]) -> bool:
    """Returns whether the head of a model has these classes; a single one may have any name."""
    return start.class_names == class_names or len(start.class_names) == len(class_names) == 2


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


def preset(plan: Plan, start: Start | None) -> InferenceConfig:
    """Returns the preset with which the tuning begins.

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
    before = inference.load_config(_PRESETS[value("regions")]) if start is None else start.preset
    if all(getattr(before, name) == fields[name] for name in ("min_zoom", "max_zoom")):
        fields.pop("first_zoom", None)
    try:
        return inference.change(before, fields)
    except ValueError as error:
        raise ValueError(f"{plan_file.FILE}: {error}") from error
