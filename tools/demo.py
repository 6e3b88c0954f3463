"""The whole pipeline on synthetic streets: data, training, prediction, merge, AP, pictures.

    python tools/demo.py --output_dir=runs/demo

Runs the same programs that a user runs, prints each command, and writes summary.json with the AP
of the graph merge and of the connected-components baseline and the seconds of each stage. Started
again after an interruption, it continues: training from its last checkpoint, prediction and merge
with the images that are missing.
"""

import json
import os
import shlex
import subprocess
import sys
import time

from absl import flags

from affinity_seg import cli, files

flags.DEFINE_string("output_dir", "runs/demo", "Folder for everything that is made.")
flags.DEFINE_integer("train_images", 200, "Synthetic streets to train on.", lower_bound=1)
flags.DEFINE_integer("val_images", 30, "Held-out synthetic streets.", lower_bound=1)
flags.DEFINE_integer("train_steps", None, "Steps of each network; default: as configured.")
flags.DEFINE_integer("height", 256, "Height of the streets, pixels; they are twice as wide.")
flags.DEFINE_integer("seed", 1, "Seed of the streets.")
FLAGS = flags.FLAGS

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PRESET = os.path.join(_ROOT, "configs", "presets", "demo.yaml")
_BASELINE_MIN_PIXELS = 100
"""The preset's 400 at zoom 2, in pixels of the image, which are what the baseline counts."""


def _run(program: str, *arguments: str) -> float:
    """Runs a Python program of the checkout and returns the seconds it took.

    Args:
      program: What follows `python`: "tools/train.py", "-m synthetic.make_streets".
      *arguments: Its flags.
    """
    command = [*program.split(), *arguments]
    print(f"\n$ python {shlex.join(command)}", flush=True)
    start = time.monotonic()
    status = subprocess.run([sys.executable, *command], cwd=_ROOT, check=False).returncode
    if status:
        sys.exit(f"demo: python {program} failed with status {status}")
    return time.monotonic() - start


def _train(kind: str, folder: str) -> float:
    overrides = [
        f"task.train_data.input_path={folder}/tfrecords/train-*.tfrecord",
        f"task.validation_data.input_path={folder}/tfrecords/val-*.tfrecord",
        f"task.validation_data.crop_size=[{FLAGS.height},{2 * FLAGS.height}]",
    ]
    if kind == "affinity":
        overrides.append(f"task.init_checkpoint={folder}/semantic")
    if FLAGS.train_steps is not None:
        overrides += [
            f"trainer.train_steps={FLAGS.train_steps}",
            f"trainer.optimizer_config.learning_rate.cosine.decay_steps={FLAGS.train_steps}",
            # The warmup of small.yaml, unless it would not end before the schedule.
            f"trainer.optimizer_config.warmup.linear.warmup_steps={min(50, FLAGS.train_steps - 1)}",
        ]
    return _run(
        "tools/train.py",
        f"--flagfile=tools/flagfiles/demo_{kind}.flags",
        f"--model_dir={folder}/{kind}",
        f"--params_override={','.join(overrides)}",
    )


def _evaluate(folder: str, results: str) -> tuple[dict, float]:
    path = os.path.join(folder, f"{results}.json")
    seconds = _run(
        "tools/evaluate.py",
        f"--input={folder}/streets",
        f"--results_dir={folder}/{results}",
        f"--output_json={path}",
    )
    with open(path, encoding="utf-8") as file:
        return json.load(file), seconds


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.1f}"  # None: no true instance


def main():
    folder = os.path.abspath(FLAGS.output_dir)
    seconds = {}
    seconds["streets"] = _run(
        "-m synthetic.make_streets",
        f"--output_dir={folder}/streets",
        f"--train={FLAGS.train_images}",
        f"--val={FLAGS.val_images}",
        f"--seed={FLAGS.seed}",
        f"--height={FLAGS.height}",
        f"--width={2 * FLAGS.height}",
        "--zoom=2",
    )
    seconds["tfrecords"] = sum(
        _run(
            "tools/create_tfrecords.py",
            f"--input={folder}/streets",
            f"--split={split}",
            f"--output_dir={folder}/tfrecords",
            "--num_shards=4",
        )
        for split in ("train", "val")
    )
    for kind in ("semantic", "affinity"):
        seconds[f"train_{kind}"] = _train(kind, folder)
    seconds["predict"] = _run(
        "tools/predict.py",
        f"--input={folder}/streets",
        f"--model={folder}",
        f"--preset={_PRESET}",
        f"--output_dir={folder}/predictions",
    )
    for method, results, overrides in (
        ("connected_components", "baseline", [f"--override=min_pixels={_BASELINE_MIN_PIXELS}"]),
        ("graph_merge", "results", []),
    ):
        seconds[f"merge_{results}"] = _run(
            "tools/merge.py",
            f"--input={folder}/predictions",
            f"--preset={_PRESET}",
            f"--method={method}",
            f"--output_dir={folder}/{results}",
            *overrides,
        )
    baseline, seconds["evaluate_baseline"] = _evaluate(folder, "baseline")
    judged, seconds["evaluate"] = _evaluate(folder, "results")
    seconds["visualize"] = _run(
        "tools/visualize.py",
        f"--predictions_dir={folder}/predictions",
        f"--results_dir={folder}/results",
        f"--input={folder}/streets",
        f"--output_dir={folder}/pictures",
        "--max_images=12",
    )
    seconds["report"] = _run(
        "tools/report.py",
        f"--predictions_dir={folder}/predictions",
        f"--results_dir={folder}/results",
        f"--input={folder}/streets",
        f"--output={folder}/report.html",
    )
    summary = {
        "ap": judged["ap"],
        "ap50": judged["ap50"],
        "baseline_ap": baseline["ap"],
        "baseline_ap50": baseline["ap50"],
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
    }
    files.write_json(os.path.join(folder, "summary.json"), summary)
    print(f"\n{'AP on held-out streets':40}{'AP':>8}{'AP50':>8}")
    for name, ap, ap50 in (
        ("connected components of the semantics", summary["baseline_ap"], summary["baseline_ap50"]),
        ("affinities and graph merge", summary["ap"], summary["ap50"]),
    ):
        print(f"{name:40}{_percent(ap):>8}{_percent(ap50):>8}")
    print(f"\nreport:   {folder}/report.html")
    print(f"pictures: {folder}/pictures")
    print(f"table:    {folder}/results.json")
    print(f"summary:  {folder}/summary.json ({sum(seconds.values()) / 60:.1f} minutes)")


if __name__ == "__main__":
    cli.run(main)
