"""Holds tools/beam_segment.py against tools/predict.py, tools/merge.py and tools/evaluate.py.

    python -m synthetic.make_streets --output_dir=runs/streets_100 --val=100 --train=0 --seed=7 \
        --height=256 --width=512 --zoom=2
    python -m benchmarks.beam --input=runs/streets_100 --suite=check

Suites: `check` compares two worker processes with the plain tools, every file byte for byte, and
the two APs; the program ends with status 1 if anything differs. `throughput` times Beam in one
process beside the plain tools, `scaling` one beside two worker processes; the ways take turns.
Prints tables and writes results.json.
"""

from absl import flags

from affinity_seg import cli, tool_flags
from benchmarks import beam_suites, runs

flags.DEFINE_string("input", None, "Folder of a data set in layout cityscapes.", required=True)
flags.DEFINE_string("split", "val", "Part of it.")
tool_flags.define_model_flags("runs/demo")
flags.FLAGS.set_default("preset", "demo")
flags.DEFINE_string("output_dir", "runs/benchmark_beam", "Folder of results.json.")
flags.DEFINE_multi_enum("suite", list(beam_suites.SUITES), list(beam_suites.SUITES), "What to run.")
flags.DEFINE_integer("repetitions", 3, "Rounds; the medians count.", lower_bound=1)
flags.DEFINE_integer("threads", 0, "TensorFlow's threads in each process of Beam.", lower_bound=0)
FLAGS = flags.FLAGS


def main():
    settings = beam_suites.Settings(
        input=FLAGS.input,
        split=FLAGS.split,
        preset=FLAGS.preset,
        overrides=FLAGS.override,
        model=FLAGS.model,
        output_dir=FLAGS.output_dir,
        repetitions=FLAGS.repetitions,
        threads=FLAGS.threads,
    )
    results = runs.run_suites(beam_suites.SUITES, FLAGS.suite, settings, FLAGS.output_dir)
    failed = [r for r in results.get("check", []) if r["different files"] or not r["AP equal"]]
    return 1 if failed else 0


if __name__ == "__main__":
    cli.run(main)
