"""Writes a data set as TFRecords on Apache Beam, the images as they are or the paper's sets.

    python tools/beam_prepare.py --input=runs/demo/streets --split=train \
        --output_dir=runs/demo/tfrecords --direct_num_workers=2
    python tools/beam_prepare.py --input=data_sets/cityscapes --split=train --set=fine_patches \
        --num_shards=64 --output_dir=data_sets/cityscapes/training_sets

The shards are those of tools/create_tfrecords.py and, with --set, of
tools/create_training_sets.py. All flags of Beam's pipeline options are taken, see docs/beam.md.
"""

from absl import flags

from affinity_seg import cli, dead_letters, labels, tool_flags
from affinity_seg.data import listing, training_set_settings

flags.DEFINE_string("input", None, "Folder of the data set.", required=True)
flags.DEFINE_enum("layout", "cityscapes", listing.LAYOUTS[:2], "How the data set's files lie.")
flags.DEFINE_string("split", None, "Part of the data set.", required=True)
flags.DEFINE_enum("annotation", "gtFine", listing.ANNOTATIONS, "For layout cityscapes.")
tool_flags.define_class_table_flag()
flags.DEFINE_enum(
    "set", None, training_set_settings.SETS, "A set of the paper, of a Cityscapes split."
)
flags.DEFINE_string("output_dir", None, "Folder that all workers see.", required=True)
flags.DEFINE_integer("num_shards", 4, "Number of shards.")
tool_flags.define_training_set_flags()
tool_flags.define_allow_flag()
dead_letters.define_flag()
FLAGS = flags.FLAGS


def main(arguments):
    from affinity_seg.beam import preparing, running
    from affinity_seg.data import checks

    class_table = labels.load_class_table(FLAGS.class_table)
    settings = None
    if FLAGS.set is not None:
        settings = tool_flags.training_set_settings()
        settings.check(class_table)
    allowed = tool_flags.allowed_mistakes()
    letters = dead_letters.DeadLetters(strict=FLAGS.strict)
    items = listing.list_labelled_images(
        FLAGS.input, FLAGS.layout, FLAGS.split, FLAGS.annotation, letters, allowed
    )
    wanted = preparing.Preparation(
        name=FLAGS.set or FLAGS.split,
        items=items,
        class_table=class_table,
        output_dir=FLAGS.output_dir,
        num_shards=FLAGS.num_shards,
        settings=settings,
        strict=FLAGS.strict,
        letters=letters.take(),
        allowed=allowed,
    )
    written = preparing.prepare(wanted, running.parse_options(arguments))
    print(checks.describe(written.pixels_of_class, written.instances_of_class, class_table))
    print(
        f"{FLAGS.output_dir}: {written.count} examples in {len(written.paths)} shards of "
        f"{wanted.name}"
    )
    return dead_letters.report(FLAGS.output_dir)


if __name__ == "__main__":
    cli.run(main, pass_arguments=True)
