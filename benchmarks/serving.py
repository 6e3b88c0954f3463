r"""Times an exported model: its stages, its merge beside the op alone, a server under load.

    python -m benchmarks.serving --model_dir=runs/demo/export --input=a.png --input=b.png \
        --model=runs/demo \
        --preset=demo --output_dir=runs/benchmark_serving

Suites: `stages` is the time of each stage inside the graph, for each image; what two stages do at
the same time counts half for each. `merge` is the merge inside the graph beside the same op on the
same regions outside (needs the networks of the export and its preset). `load` offers requests to
tools/serve.py at several rates, shares of what it can answer; latencies count from the moment a
request is due. `memory` lets four clients ask and compares each answer with the model's in this
process. Prints tables and writes results.json.
"""

from absl import flags

from affinity_seg import cli, tool_flags
from benchmarks import runs, serving_suites

flags.DEFINE_string("model_dir", None, "Folder of the exported model.", required=True)
tool_flags.define_input_flag("An image, PNG, JPEG or BMP.", "image", multi=True)
flags.DEFINE_string("output_dir", "runs/benchmark_serving", "Folder of results.json.")
flags.DEFINE_multi_enum(
    "suite", list(serving_suites.SUITES), list(serving_suites.SUITES), "What to run."
)
tool_flags.define_model_flags("runs/demo")
flags.DEFINE_multi_float("load", [0.5, 0.8, 1.1], "Offered load, shares of the capacity.", 0.01)
flags.DEFINE_integer("requests", 100, "Requests of each load.", lower_bound=1)
flags.DEFINE_integer("memory_requests", 1000, "Requests of suite `memory`.", lower_bound=10)
flags.DEFINE_integer("repetitions", 5, "Runs whose median counts.", lower_bound=1)
flags.DEFINE_integer("workers", 1, "As of tools/serve.py.", lower_bound=1)
flags.DEFINE_integer("threads", 0, "As of tools/serve.py.", lower_bound=0)
FLAGS = flags.FLAGS


def main():
    flag_values = FLAGS.flag_values_dict()
    flag_values["network_dirs"] = tool_flags.model().network_dirs
    flag_values["config"] = tool_flags.config()
    settings = serving_suites.Settings(
        **{name: flag_values[name] for name in serving_suites.Settings._fields}
    )
    runs.run_suites(serving_suites.SUITES, FLAGS.suite, settings, FLAGS.output_dir)


if __name__ == "__main__":
    cli.run(main)
