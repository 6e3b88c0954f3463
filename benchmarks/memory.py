"""Measures the memory of a training step by network, stride and precision, and what GPU holds it.

    python -m benchmarks.memory --output_dir=runs/benchmark_memory

Suites: `step` makes the first step of the paper's networks, crops of 513x513 pixels, with two
numbers of crops, each in a process of its own; the memory per crop is the difference of what the
processes had at most. It is measured on the CPU: a GPU's kernels may want more, so a tenth of a
GPU's memory is left free in the columns that say how many crops fit. `loss` measures the affinity
loss and its gradient alone, `validation` what a validation counts of an image of 1024x2048 pixels,
both on one thread. Prints tables and writes results.json.
"""

from absl import flags

from affinity_seg import cli
from benchmarks import runs, training_memory

_PRECISIONS = ["float32", "bfloat16", "float16"]

flags.DEFINE_string("output_dir", "runs/benchmark_memory", "Folder of results.json.")
flags.DEFINE_multi_enum(
    "suite", list(training_memory.SUITES), list(training_memory.SUITES), "What to run."
)
flags.DEFINE_multi_enum(
    "network", list(training_memory.NETWORKS), list(training_memory.NETWORKS), "For suite step."
)
flags.DEFINE_multi_enum("precision", ["float32", "bfloat16"], _PRECISIONS, "For suite step.")
flags.DEFINE_integer("crops", 3, "Of the larger step, beside 1.", lower_bound=2)
flags.DEFINE_integer("loss_crops", 16, "For suite loss.", lower_bound=1)
flags.DEFINE_integer(
    "repetitions", 3, "Of loss and validation; their median counts.", lower_bound=1
)
FLAGS = flags.FLAGS


def main():
    settings = training_memory.Settings(
        networks=list(dict.fromkeys(FLAGS.network)),
        precisions=list(dict.fromkeys(FLAGS.precision)),
        crops=(1, FLAGS.crops),
        loss_crops=FLAGS.loss_crops,
        repetitions=FLAGS.repetitions,
    )
    runs.run_suites(training_memory.SUITES, FLAGS.suite, settings, FLAGS.output_dir)


if __name__ == "__main__":
    cli.run(main)
