r"""Times a training step: how long it computes and how long it waits for its input.

    python -m benchmarks.step --flagfile=demo_joint \
        --output_dir=runs/benchmark_step

Takes the experiment as `affinity_seg train` does, whose flagfiles may be used; its TFRecords must
be there. Weights are fresh and nothing is kept. Steps with the input pipeline and steps with one
batch that is there already take turns; look at shares and ratios where other programs run. Prints a
table and writes results.json.
"""

import os

from affinity_seg import cli, files
from affinity_seg.tasks import experiment_flags
from benchmarks import runs, train_step


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    experiment_flags.define(values)
    values.string("output_dir", "runs/benchmark_step", "Folder of results.json.")
    values.integer("steps", 20, "Steps of each turn.", 1)
    values.integer("repetitions", 5, "Turns; their median counts.", 1)


def main(values: cli.Flags):
    """Runs the program."""
    params = experiment_flags.parse(values)
    result = train_step.measure_step(params, steps=values.steps, repetitions=values.repetitions)
    runs.print_table(f"{values.experiment}, seconds", [result])
    path = os.path.join(values.output_dir, "results.json")
    files.write_json(path, result)
    print(f"\nwritten: {path}")


if __name__ == "__main__":
    cli.start(__name__)
