r"""Times an exported model: its stages, its merge beside the op alone, a server under load.

    python -m benchmarks.serving --exported_model=runs/demo/export --input=a.png --input=b.png \
        --model=runs/demo --output_dir=runs/benchmark_serving

Suites: `stages` is the time of each stage inside the graph, for each image; what two stages do at
the same time counts half for each. `merge` is the merge inside the graph beside the same op on the
same regions outside (needs the networks of the export and its preset). `batches` is the network's
first pass over eight copies of each image, in batches of one, four and eight (needs the same).
`clients` lets one client and then four ask `affinity_seg serve`, each again as soon as it is
answered, without and with the batching of mlserver. `load` offers it requests at several rates,
shares of what it can answer; latencies count from the moment a request is due. `memory` lets four
clients ask. `clients` and `memory` compare each answer with the model's in this process. Prints
tables and writes results.json.
"""

from affinity_seg import cli, tool_flags
from benchmarks import runs, serving_suites


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("exported_model", None, "Folder of the exported model.", required=True)
    values.multi_string("input", None, "An image, PNG, JPEG or BMP.", required=True)
    values.string("output_dir", "runs/benchmark_serving", "Folder of results.json.")
    values.multi_enum(
        "suite", list(serving_suites.SUITES), list(serving_suites.SUITES), "What to run."
    )
    tool_flags.define_model_flags(values, "runs/demo")
    values.multi_float("load", [0.5, 0.8, 1.1], "Offered load, shares of the capacity.", 0.01)
    values.integer("requests", 100, "Requests of each row of suites `clients` and `load`.", 1)
    values.integer("memory_requests", 1000, "Requests of suite `memory`.", 10)
    values.integer("repetitions", 5, "Runs whose median counts.", 1)
    values.integer("workers", 1, "As of `affinity_seg serve`.", 1)
    values.integer("threads", 0, "As of `affinity_seg serve`.", 0)


def main(values: cli.Flags):
    """Runs the program."""
    flag_values = values.flag_values_dict()
    flag_values["network_dirs"] = tool_flags.model(values).network_dirs
    flag_values["config"] = tool_flags.config(values)
    settings = serving_suites.Settings(
        **{name: flag_values[name] for name in serving_suites.Settings._fields}
    )
    runs.run_suites(serving_suites.SUITES, values.suite, settings, values.output_dir)


if __name__ == "__main__":
    cli.start(__name__)
