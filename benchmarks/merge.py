"""Times the graph merge beside other programs, and on scenes that are large or unkind.

    python -m benchmarks.merge --output_dir=runs/benchmark_merge

Suites: `scenes` compares with mwatershed and bioimage-cpp (`pip install -e .[bench]`), which start
from the graph of windows: its preparation in NumPy has a row of its own, and each of them two
columns, without and with it. `quality` is their accuracy as the noise grows, without times.
`threads` is our op on one and two threads; `parts` is the time of each of its parts; `batches` is a
list of regions, one after the other and in one call; `logits` is our op from logits at stride 8
with both flips; `growth` is image size after image size; `cases` are scenes that a slow method
would choke on. Prints tables and writes results.json and growth.png. Time and CPU time are medians,
memory is the peak above what the process held before the call.
"""

import os

from affinity_seg import cli, files
from benchmarks import comparison, scaling
from benchmarks.runs import Settings

_SUITES = {
    "scenes": comparison.run_scenes,
    "quality": comparison.run_quality,
    "threads": scaling.run_threads,
    "parts": scaling.run_parts,
    "batches": scaling.run_batches,
    "logits": scaling.run_logits,
    "growth": scaling.run_growth,
    "cases": scaling.run_cases,
}


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("output_dir", "runs/benchmark_merge", "Folder of results.json and growth.png.")
    values.multi_enum("suite", list(_SUITES), list(_SUITES), "What to run.")
    values.integer("scenes", 3, "Scenes of suites `scenes` and `threads`.", 1)
    values.integer("height", 1024, "Their height, pixels; they are twice as wide.")
    values.integer("objects", 48, "Their objects.", 1)
    values.float("foreground", 0.2, "Share of their pixels that objects cover.")
    values.integer("repetitions", 5, "Calls that are timed.", 1)
    values.integer("threads", 2, "Threads of suite `threads`, beside one.", 2)
    values.integer("seed", 1, "Seed of the first scene.")
    values.integer("max_height", 4096, "Largest height of suite `growth`, pixels.")


def main(values: cli.Flags):
    """Runs the program."""
    settings = Settings(**{name: getattr(values, name) for name in Settings._fields})
    results = {suite: _SUITES[suite](settings) for suite in dict.fromkeys(values.suite)}
    if "growth" in results:
        with files.atomic_path(os.path.join(values.output_dir, "growth.png")) as path:
            scaling.plot_growth(results["growth"], path)
    path = os.path.join(values.output_dir, "results.json")
    files.write_json(path, results)
    print(f"\nwritten: {path}")


if __name__ == "__main__":
    cli.start(__name__)
