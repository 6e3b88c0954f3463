r"""Runs both networks over the images of a data set and writes prediction records.

    python tools/predict.py --input=runs/demo/streets --split=val --model=runs/demo \
        --output_dir=runs/demo/predictions

One TFRecord per image: logits at the networks' strides and the regions of interest. Started
again, it continues with the images that have no record; a record of another image of the same name
is refused. Images that cannot be read or predicted are left out and listed, see docs/faults.md.
tools/merge.py makes instances of them; with --results_dir this is done here, while the
networks run on the next image. --timeline writes when each stage was at work, for
https://ui.perfetto.dev.
"""

from absl import flags

from affinity_seg import cli, dead_letters, tool_flags
from affinity_seg.configs import choices
from affinity_seg.data import listing

tool_flags.define_data_flags()
tool_flags.define_model_flags()
flags.DEFINE_string("output_dir", None, "Folder for the prediction records.")
flags.DEFINE_string("results_dir", None, "Folder for results, to merge beside the networks.")
flags.DEFINE_string("timeline", None, "JSON file for the times of each stage.")
dead_letters.define_flag()
flags.mark_flag_as_required("output_dir")
FLAGS = flags.FLAGS


def main():
    from affinity_seg.pipeline import merge_runs, prediction_runs, records
    from affinity_seg.pipeline.fingerprint import prediction_fingerprint
    from affinity_seg.pipeline.timeline import NETWORK, WAIT_FINISH, WAIT_READ, Timeline

    items = listing.list_images(FLAGS.input, FLAGS.layout, FLAGS.split)
    config, dirs = tool_flags.config(), tool_flags.model().network_dirs
    letters = dead_letters.DeadLetters(FLAGS.output_dir, FLAGS.strict)
    merger = None
    if FLAGS.results_dir:
        fingerprint = prediction_fingerprint(config, *dirs)
        unmerged = dead_letters.DeadLetters(FLAGS.results_dir, FLAGS.strict)
        merger = merge_runs.RecordMerger(
            fingerprint, config, choices.MERGE_METHODS[0], FLAGS.results_dir, letters=unmerged
        )
    times = Timeline()
    count = prediction_runs.predict_images(
        items, config, *dirs, FLAGS.output_dir, merger=merger, times=times, letters=letters
    )
    predicted = [item.name for item in items if item.name not in letters]
    megabytes = records.mean_size(FLAGS.output_dir, predicted) / 1e6
    there = len(predicted) - count
    print(
        f"{FLAGS.output_dir}: {count} images predicted, {there} were there already, "
        f"{megabytes:.1f} MB each"
    )
    print(
        f"{times.total_seconds():.1f} s: {times.seconds(NETWORK):.1f} s in the networks, which "
        f"waited {times.seconds(WAIT_READ):.1f} s for images and "
        f"{times.seconds(WAIT_FINISH):.1f} s for records and results"
    )
    if FLAGS.timeline:
        times.write(FLAGS.timeline)
        print(f"written: {FLAGS.timeline}")
    status = letters.finish()
    if merger is not None and predicted:
        # Records that were there already, perhaps without a result.
        more = merge_runs.merge_records(
            FLAGS.output_dir,
            config,
            choices.MERGE_METHODS[0],
            FLAGS.results_dir,
            letters=unmerged,
        )
        print(f"{FLAGS.results_dir}: {merger.count + more} images merged")
        status = max(status, unmerged.finish())
    return status


if __name__ == "__main__":
    cli.run(main)
