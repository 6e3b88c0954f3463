"""Segments a microscope picture, then runs everything on synthetic streets, from data to pictures.

    affinity_seg demo --output_dir=runs/demo

The microscope picture is segmented by the shipped model `nuclei`, which takes seconds. For the
streets a network is trained first, and its preset tuned on some of the training streets.

Runs the same programs that a user runs, prints each command, and writes summary.json with the AP
of the graph merge and of the connected-components baseline, the numbers of true and of predicted
instances, and the seconds of each stage. Ends with the command for a picture of your own.
--output_dir is the folder of the model as well. Started again after an interruption, it continues:
training from its last checkpoint, prediction and merge with the images that are missing. It needs
the checkout, whose folder synthetic/ makes the streets.
"""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from affinity_seg import cli, files, resources, structured

_TUNING_IMAGES = 16
"""Training streets that choose the preset; more would take minutes."""

_BASELINE_MIN_PIXELS = 100
"""Smallest instance of the baseline, pixels: the official scores ignore smaller objects."""


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("output_dir", "runs/demo", "Folder for everything that is made.")
    values.integer("train_images", 200, "Synthetic streets to train on.", 1)
    values.integer("val_images", 30, "Held-out synthetic streets.", 1)
    values.integer("train_steps", None, "Steps of the training; default: as configured.")
    values.integer("height", 256, "Height of the streets, pixels; they are twice as wide.")
    values.integer("seed", 1, "Seed of the streets.")


def main(values: cli.Flags) -> None:
    """Runs the verb."""
    if not os.path.isdir(os.path.join(resources.root(), "synthetic")):
        raise ValueError("the demo needs the checkout, whose folder synthetic/ makes the streets")
    folder = os.path.abspath(values.output_dir)
    large = f"--override=min_pixels={_BASELINE_MIN_PIXELS}"
    stages = {
        "nuclei": lambda: _segment_nuclei(folder),
        "streets": lambda: _draw_streets(values, folder),
        "tfrecords": lambda: _prepare(folder),
        "train": lambda: _train(values, folder),
        "tune": lambda: _tune(folder),
        "predict": lambda: _predict(folder),
        "merge_baseline": lambda: _merge(folder, "baseline", "connected_components", large),
        "merge_results": lambda: _merge(folder, "results", "graph_merge"),
        "evaluate_baseline": lambda: _evaluate(folder, "baseline"),
        "evaluate": lambda: _evaluate(folder, "results", f"--model={folder}"),
        "visualize": lambda: _draw_pictures(folder),
        "report": lambda: _write_report(folder),
    }
    seconds = {name: _timed(stage) for name, stage in stages.items()}
    summary = _summary(folder, seconds)
    files.write_json(os.path.join(folder, "summary.json"), summary)
    _print_scores(summary)
    _print_outputs(values, folder, sum(seconds.values()))


def _timed(stage: Callable[[], None]) -> float:
    """Runs a stage and returns the seconds it took."""
    start = time.monotonic()
    stage()
    return time.monotonic() - start


def _run(program: str, *arguments: str) -> None:
    """Runs a program; ends this one if it fails.

    Args:
      program: A module and perhaps a verb, what follows `python -m`.
      *arguments: Its flags.
    """
    command = ["-m", *program.split(), *arguments]
    print(f"\n$ python {shlex.join(command)}", flush=True)
    status = subprocess.run(
        [sys.executable, *command], cwd=resources.root(), check=False
    ).returncode
    if status:
        sys.exit(f"demo: {program} failed with status {status}")


def _segment_nuclei(folder: str) -> None:
    _run(
        "affinity_seg segment",
        "--model=nuclei",
        f"--input={resources.MODELS}/nuclei.png",
        f"--output_dir={folder}/nuclei",
    )


def _draw_streets(values: cli.Flags, folder: str) -> None:
    _run(
        "synthetic.make_streets",
        f"--output_dir={folder}/streets",
        f"--train={values.train_images}",
        f"--val={values.val_images}",
        f"--seed={values.seed}",
        f"--height={values.height}",
        f"--width={2 * values.height}",
        "--zoom=2",
    )


def _prepare(folder: str) -> None:
    _run(
        "affinity_seg prepare",
        f"--input={folder}/streets",
        "--split=train",
        f"--output_dir={folder}/tfrecords",
    )


def _train(values: cli.Flags, folder: str) -> None:
    overrides = [f"task.train_data.input_path={folder}/tfrecords/train-*.tfrecord"]
    if values.train_steps is not None:
        # The warmup of small.yaml, unless it would not end before the schedule.
        warmup = min(50, values.train_steps - 1)
        overrides += [
            f"trainer.train_steps={values.train_steps}",
            f"trainer.optimizer_config.learning_rate.cosine.decay_steps={values.train_steps}",
            f"trainer.optimizer_config.warmup.linear.warmup_steps={warmup}",
        ]
    _run(
        "affinity_seg train",
        "--flagfile=demo_joint",
        f"--model={folder}",
        f"--params_override={','.join(overrides)}",
    )


def _tune(folder: str) -> None:
    _run(
        "affinity_seg tune",
        f"--input={folder}/streets",
        "--split=train",
        f"--model={folder}",
        f"--max_images={_TUNING_IMAGES}",
        "--parts=merge_window,thresholds,min_pixels",
        "--max_rounds=1",
    )


def _predict(folder: str) -> None:
    _run(
        "affinity_seg segment",
        "--layout=cityscapes",
        f"--input={folder}/streets",
        f"--model={folder}",
        f"--output_dir={folder}",
        "--stop_after=predictions",
    )


def _merge(folder: str, results: str, method: str, *more: str) -> None:
    _run(
        "affinity_seg merge",
        f"--input={folder}/predictions",
        f"--model={folder}",
        f"--method={method}",
        f"--output_dir={folder}/{results}",
        *more,
    )


def _evaluate(folder: str, results: str, *more: str) -> None:
    """Writes the scores of a folder of results beside it."""
    _run(
        "affinity_seg evaluate",
        f"--input={folder}/streets",
        f"--results_dir={folder}/{results}",
        f"--output_json={_scores_path(folder, results)}",
        *more,
    )


def _draw_pictures(folder: str) -> None:
    _run(
        "affinity_seg report",
        "--format=pictures",
        f"--predictions_dir={folder}/predictions",
        f"--results_dir={folder}/results",
        f"--input={folder}/streets",
        f"--output_dir={folder}/pictures",
        "--max_images=12",
    )


def _write_report(folder: str) -> None:
    _run(
        "affinity_seg report",
        f"--predictions_dir={folder}/predictions",
        f"--results_dir={folder}/results",
        f"--input={folder}/streets",
        f"--output_dir={folder}",
    )


def _scores_path(folder: str, results: str) -> str:
    return os.path.join(folder, f"{results}.json")


def _summary(folder: str, seconds: dict[str, float]) -> dict[str, Any]:
    """Returns the content of summary.json, from the scores that were written."""
    baseline, judged = (
        structured.read_json(_scores_path(folder, results)) for results in ("baseline", "results")
    )
    return {
        "ap": judged["ap"],
        "ap50": judged["ap50"],
        "baseline_ap": baseline["ap"],
        "baseline_ap50": baseline["ap50"],
        "true_instances": judged["errors"]["num_true"],
        "predictions": judged["errors"]["num_predicted"],
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
    }


def _print_scores(summary: dict[str, Any]) -> None:
    from affinity_seg.evaluation import tables

    print(f"\n{'AP on held-out streets':40}{'AP':>8}{'AP50':>8}")
    for name, ap, ap50 in (
        ("connected components of the semantics", summary["baseline_ap"], summary["baseline_ap50"]),
        ("affinities and graph merge", summary["ap"], summary["ap50"]),
    ):
        print(f"{name:40}{tables.percent(ap):>8}{tables.percent(ap50):>8}")
    print(f"{summary['predictions']} predictions, {summary['true_instances']} true instances")


def _print_outputs(values: cli.Flags, folder: str, seconds: float) -> None:
    """Prints what was written, and the command for a picture of the user's own."""
    print(f"\nreport:   {folder}/report.html")
    print(f"pictures: {folder}/pictures")
    print(f"table:    {_scores_path(folder, 'results')}")
    print(f"summary:  {folder}/summary.json ({seconds / 60:.1f} minutes)")
    print(
        "\nThe instances of a picture of your own, as a picture and as JSON:\n"
        f"affinity_seg segment --input=picture.png --model={shlex.quote(values.output_dir)} "
        f"--output_dir={shlex.quote(os.path.join(values.output_dir, 'own'))}"
    )
