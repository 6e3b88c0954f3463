r"""Measures how long programs take before their work: `--help`, and one image from a cold start.

    python -m benchmarks.start_up --model=runs/demo --input=street.png \
        --output_dir=runs/benchmark_start_up

Each row is a program that starts anew; the rows take turns. `cpu` is the time on all cores, user
and system, which other programs on the machine disturb less than `wall`. `import tensorflow` is
the least that a program with TensorFlow takes. Prints a table of medians and writes results.json.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from affinity_seg import cli, files, tool_flags
from benchmarks import runs


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    tool_flags.define_model_flags(values, "runs/demo")
    values.string("input", None, "A picture.", required=True)
    values.string("output_dir", "runs/benchmark_start_up", "Folder of results.json.")
    values.integer("repetitions", 5, "Starts of each program; their median counts.", 1)


def main(values: cli.Flags):
    """Runs the program."""
    measured: dict[str, list[dict[str, float]]] = {}
    for _ in range(values.repetitions):
        # Of its own each time: `segment` would find the results of the time before in it.
        with tempfile.TemporaryDirectory() as folder:
            for name, arguments in _programs(values, folder).items():
                measured.setdefault(name, []).append(_measure([sys.executable, *arguments]))
    rows = [_medians(name, starts) for name, starts in measured.items()]
    runs.print_table("seconds of a cold start", rows)
    path = os.path.join(values.output_dir, "results.json")
    files.write_json(path, rows)
    print(f"\nwritten: {path}")


def _programs(values: cli.Flags, folder: str) -> dict[str, list[str]]:
    """Returns the arguments of Python for each program; results are written into `folder`."""
    segment = ["segment", f"--input={values.input}", f"--model={values.model}"]
    segment += [f"--preset={values.preset}"] if values.preset else []
    segment += [f"--override={one}" for one in values.override]
    return {
        "import tensorflow": ["-c", "import tensorflow"],
        "affinity_seg --help": ["-m", "affinity_seg", "--help"],
        "affinity_seg segment --help": ["-m", "affinity_seg", "segment", "--help"],
        "affinity_seg train --help": ["-m", "affinity_seg", "train", "--help"],
        "affinity_seg segment": ["-m", "affinity_seg", *segment, f"--output_dir={folder}"],
    }


def _measure(command: list[str]) -> dict[str, float]:
    """Runs a program to its end and returns its seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return {"cpu": cpu, "wall": wall}


def _medians(name: str, starts: list[dict[str, float]]) -> dict[str, Any]:
    return {
        "program": name,
        **{key: statistics.median(start[key] for start in starts) for key in starts[0]},
    }


if __name__ == "__main__":
    cli.start(__name__)
