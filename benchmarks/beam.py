"""Holds `affinity_seg segment` on Beam against the same without it, and against `evaluate`.

    python -m synthetic.make_streets --output_dir=runs/streets_100 --val=100 --train=0 --seed=7 \
        --height=256 --width=512 --zoom=2
    python -m benchmarks.beam --input=runs/streets_100 --suite=check

Suites: `check` compares two worker processes with the plain tools, every file byte for byte, and
the two APs; the program ends with status 1 if anything differs. `throughput` times Beam in one
process beside the plain tools, `scaling` one beside two worker processes; the ways take turns.
Prints tables and writes results.json.
"""

from affinity_seg import cli, tool_flags
from benchmarks import beam_suites, runs


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("input", None, "Folder of a data set in layout cityscapes.", required=True)
    values.string("split", "val", "Part of it.")
    tool_flags.define_model_flags(values, "runs/demo")
    values.string("output_dir", "runs/benchmark_beam", "Folder of results.json.")
    values.multi_enum("suite", list(beam_suites.SUITES), list(beam_suites.SUITES), "What to run.")
    values.integer("repetitions", 3, "Rounds; the medians count.", 1)
    values.integer("threads", 0, "TensorFlow's threads in each process of Beam.", 0)


def main(values: cli.Flags):
    """Runs the program."""
    settings = beam_suites.Settings(
        input=values.input,
        split=values.split,
        preset=values.preset,
        overrides=values.override,
        model=values.model,
        output_dir=values.output_dir,
        repetitions=values.repetitions,
        threads=values.threads,
    )
    results = runs.run_suites(beam_suites.SUITES, values.suite, settings, values.output_dir)
    failed = [r for r in results.get("check", []) if r["different files"] or not r["AP equal"]]
    return 1 if failed else 0


if __name__ == "__main__":
    cli.start(__name__)
