"""Merges prediction records into instances and writes Cityscapes result files.

    python tools/merge.py --predictions_dir=runs/demo/predictions \
        --preset=configs/presets/demo.yaml --results_dir=runs/demo/results

Fields of the preset that only concern the graph may differ from those of the prediction, so that
a table of ablations needs the networks only once. --method=connected_components makes the
baseline without affinities. Started again, it continues with the records that have no result or
have changed since. Records that cannot be merged are left out and listed, see docs/faults.md.
"""

from absl import flags

from affinity_seg import cli, dead_letters, tool_flags
from affinity_seg.configs import inference
from affinity_seg.inference import filters, merge_runs

flags.DEFINE_string("predictions_dir", None, "Folder that tools/predict.py wrote.")
tool_flags.define_preset_flags()
flags.DEFINE_enum("method", merge_runs.METHODS[0], merge_runs.METHODS, "How instances are found.")
flags.DEFINE_string("results_dir", None, "Folder for the results.")
filters.define_flags()
dead_letters.define_flag()
flags.mark_flags_as_required(["predictions_dir", "results_dir"])
FLAGS = flags.FLAGS


def main():
    config = inference.load_config(FLAGS.preset, FLAGS.override)
    letters = dead_letters.DeadLetters(FLAGS.results_dir, FLAGS.strict)
    count = merge_runs.merge_records(
        FLAGS.predictions_dir,
        config,
        FLAGS.method,
        FLAGS.results_dir,
        filters.from_flags(),
        letters,
    )
    print(f"{FLAGS.results_dir}: {count} images merged")
    return letters.finish()


if __name__ == "__main__":
    cli.run(main)
