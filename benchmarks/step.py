r"""Times a training step: how long it computes and how long it waits for its input.

    python -m benchmarks.step --flagfile=tools/flagfiles/demo_affinity.flags \
        --output_dir=runs/benchmark_step

Takes the experiment as tools/train.py does, whose flag files may be used; its TFRecords must be
there. Weights are fresh and nothing is kept. Steps with the input pipeline and steps with one batch
that is there already take turns; look at shares and ratios where other programs run. Prints a table
and writes results.json.
"""

import os

from absl import flags

from affinity_seg import cli, files
from affinity_seg.tasks import experiment_flags
from benchmarks import runs, train_step

experiment_flags.define()
flags.DEFINE_string("output_dir", "runs/benchmark_step", "Folder of results.json.")
flags.DEFINE_integer("steps", 20, "Steps of each turn.", lower_bound=1)
flags.DEFINE_integer("repetitions", 5, "Turns; their median counts.", lower_bound=1)
flags.DEFINE_string("mode", None, "Ignored: flag files of tools/train.py have it.")
FLAGS = flags.FLAGS


def main():

    params = experiment_flags.parse()
    result = train_step.measure_step(params, steps=FLAGS.steps, repetitions=FLAGS.repetitions)
    runs.print_table(f"{FLAGS.experiment}, seconds", [result])
    path = os.path.join(FLAGS.output_dir, "results.json")
    files.write_json(path, result)
    print(f"\nwritten: {path}")


if __name__ == "__main__":
    cli.run(main)
