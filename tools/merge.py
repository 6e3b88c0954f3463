r"""Merges prediction records into instances and writes Cityscapes result files.

    python tools/merge.py --input=runs/demo/predictions --model=runs/demo \
        --output_dir=runs/demo/results

Fields of the preset that only concern the graph may differ from those of the prediction, so that
a table of ablations needs the networks only once. --method=connected_components makes the
baseline without affinities. Started again, it continues with the records that have no result or
have changed since. Records that cannot be merged are left out and listed, see docs/faults.md.
"""

from absl import flags

from affinity_seg import cli, dead_letters, tool_flags
from affinity_seg.configs import choices

tool_flags.define_input_flag("Folder that tools/predict.py wrote.", "predictions_dir")
tool_flags.define_model_flags(required=False)
flags.DEFINE_enum(
    "method", choices.MERGE_METHODS[0], choices.MERGE_METHODS, "How instances are found."
)
flags.DEFINE_string("output_dir", None, "Folder for the results.")
flags.DEFINE_alias("results_dir", "output_dir")
tool_flags.define_filter_flags()
dead_letters.define_flag()
flags.mark_flag_as_required("output_dir")
FLAGS = flags.FLAGS


def main():
    from affinity_seg.pipeline import merge_runs

    config = tool_flags.config()
    letters = dead_letters.DeadLetters(FLAGS.output_dir, FLAGS.strict)
    count = merge_runs.merge_records(
        FLAGS.input, config, FLAGS.method, FLAGS.output_dir, tool_flags.instance_filter(), letters
    )
    print(f"{FLAGS.output_dir}: {count} images merged")
    return letters.finish()


if __name__ == "__main__":
    cli.run(main)
