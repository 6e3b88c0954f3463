r"""Checks a data set and writes it as TFRecords for training.

    python tools/create_tfrecords.py --input=runs/demo/streets --split=train \
        --output_dir=runs/demo/tfrecords
    python tools/create_tfrecords.py --layout=folder --input=../shared/data/nuclei/train \
        --split=train --class_table=nuclei \
        --output_dir=runs/nuclei/tfrecords

Layout `cityscapes` reads leftImg8bit/<split> and gtFine/<split> (or gtCoarse) of --input; layout
`folder` reads images/ and instances/ of it, and --split only names the shards. Images that cannot
be used are left out and listed, see docs/faults.md. A data set that cannot be meant as it is, such
as binary masks, is refused, see docs/data.md.
"""

from absl import flags

from affinity_seg import cli, dead_letters, labels, tool_flags
from affinity_seg.data import listing

tool_flags.define_input_flag("Folder of the data set.", "data_dir")
flags.DEFINE_enum("layout", "cityscapes", listing.LABELLED_LAYOUTS, "How the data set's files lie.")
flags.DEFINE_string("split", None, "Part of the data set, and first part of the shards' names.")
flags.DEFINE_enum("annotation", "gtFine", listing.ANNOTATIONS, "For layout cityscapes.")
tool_flags.define_class_table_flag()
flags.DEFINE_string("output_dir", None, "Folder for the shards.")
flags.DEFINE_integer("num_shards", 4, "Number of shards.")
tool_flags.define_allow_flag()
dead_letters.define_flag()
flags.mark_flags_as_required(["split", "output_dir"])
FLAGS = flags.FLAGS


def main():
    from affinity_seg.data import checks, tfrecords

    class_table = labels.load_class_table(FLAGS.class_table)
    allowed = tool_flags.allowed_mistakes()
    letters = dead_letters.DeadLetters(FLAGS.output_dir, FLAGS.strict)
    items = listing.list_labelled_images(
        FLAGS.input, FLAGS.layout, FLAGS.split, FLAGS.annotation, letters, allowed
    )
    summary = tfrecords.write_tfrecords(
        items, class_table, FLAGS.output_dir, FLAGS.split, FLAGS.num_shards, letters, allowed
    )
    print(checks.describe(summary.pixels_of_class, summary.instances_of_class, class_table))
    where = f"{len(summary.paths)} shards of {FLAGS.split}"
    print(f"{FLAGS.output_dir}: {summary.count} images in {where}")
    return letters.finish()


if __name__ == "__main__":
    cli.run(main)
