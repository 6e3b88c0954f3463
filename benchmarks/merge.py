"""Times the graph merge beside other programs, and on scenes that are large or unkind.

    python -m benchmarks.merge --output_dir=runs/benchmark_merge

Suites: `scenes` compares with mwatershed and bioimage-cpp (`pip install -e .[bench]`), which start
from the graph of windows: its preparation in NumPy has a row of its own, and each of them two
columns, without and with it. `quality` is their accuracy as the noise grows, without times.
`threads` is our op on one and two threads; `batches` is a list of regions, one after the other and
in one call; `logits` is our op from logits at stride 8 with both flips; `growth` is image size
after image size; `cases` are scenes that a slow method would choke on. Prints tables and writes
results.json and growth.png. Time and CPU time are medians, memory is the peak above what the
process held before the call.
"""

import os

from absl import flags

from affinity_seg import cli, files
from benchmarks import comparison, scaling
from benchmarks.runs import Settings

_SUITES = {
    "scenes": comparison.run_scenes,
    "quality": comparison.run_quality,
    "threads": scaling.run_threads,
    "batches": scaling.run_batches,
    "logits": scaling.run_logits,
    "growth": scaling.run_growth,
    "cases": scaling.run_cases,
}

flags.DEFINE_string("output_dir", "runs/benchmark_merge", "Folder of results.json and growth.png.")
flags.DEFINE_multi_enum("suite", list(_SUITES), list(_SUITES), "What to run.")
flags.DEFINE_integer("scenes", 3, "Scenes of suites `scenes` and `threads`.", lower_bound=1)
flags.DEFINE_integer("height", 1024, "Their height, pixels; they are twice as wide.")
flags.DEFINE_integer("objects", 48, "Their objects.", lower_bound=1)
flags.DEFINE_float("foreground", 0.2, "Share of their pixels that objects cover.")
flags.DEFINE_integer("repetitions", 5, "Calls that are timed.", lower_bound=1)
flags.DEFINE_integer("threads", 2, "Threads of suite `threads`, beside one.", lower_bound=2)
flags.DEFINE_integer("seed", 1, "Seed of the first scene.")
flags.DEFINE_integer("max_height", 4096, "Largest height of suite `growth`, pixels.")
FLAGS = flags.FLAGS


def main():
    settings = Settings(**{name: getattr(FLAGS, name) for name in Settings._fields})
    results = {suite: _SUITES[suite](settings) for suite in dict.fromkeys(FLAGS.suite)}
    if "growth" in results:
        with files.atomic_path(os.path.join(FLAGS.output_dir, "growth.png")) as path:
            scaling.plot_growth(results["growth"], path)
    path = os.path.join(FLAGS.output_dir, "results.json")
    files.write_json(path, results)
    print(f"\nwritten: {path}")


if __name__ == "__main__":
    cli.run(main)
