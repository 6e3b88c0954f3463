"""Measures the memory of a training step by network, stride and precision, and what GPU holds it.

    python -m benchmarks.memory --output_dir=runs/benchmark_memory

Suites: `step` makes the first step of the paper's networks, crops of 513x513 pixels, with two
numbers of crops, each in a process of its own; the memory per crop is the difference of what the
processes had at most. It is measured on the CPU: a GPU's kernels may want more, so a tenth of a
GPU's memory is left free in the columns that say how many crops fit. `loss` measures the affinity
loss and its gradient alone, `validation` what a validation counts of an image of 1024x2048 pixels,
both on one thread. Prints tables and writes results.json.
"""

from affinity_seg import cli
from benchmarks import runs, training_memory

_PRECISIONS = ["float32", "bfloat16", "float16"]


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("output_dir", "runs/benchmark_memory", "Folder of results.json.")
    values.multi_enum(
        "suite", list(training_memory.SUITES), list(training_memory.SUITES), "What to run."
    )
    values.multi_enum(
        "network", list(training_memory.NETWORKS), list(training_memory.NETWORKS), "For suite step."
    )
    values.multi_enum("precision", ["float32", "bfloat16"], _PRECISIONS, "For suite step.")
    values.integer("crops", 3, "Of the larger step, beside 1.", 2)
    values.integer("loss_crops", 16, "For suite loss.", 1)
    values.integer("repetitions", 3, "Of loss and validation; their median counts.", 1)


def main(values: cli.Flags):
    """Runs the program."""
    settings = training_memory.Settings(
        networks=list(dict.fromkeys(values.network)),
        precisions=list(dict.fromkeys(values.precision)),
        crops=(1, values.crops),
        loss_crops=values.loss_crops,
        repetitions=values.repetitions,
    )
    runs.run_suites(training_memory.SUITES, values.suite, settings, values.output_dir)


if __name__ == "__main__":
    cli.start(__name__)
