r"""Writes the sets that the paper trains on (section 5) as TFRecords, and prints their sizes.

    python tools/create_training_sets.py --input=data_sets/cityscapes \
        --output_dir=data_sets/cityscapes/training_sets
    python tools/create_training_sets.py --input=runs/demo/streets --coarse_split=train \
        --num_fine_patches=300 --output_dir=runs/demo/training_sets

--input is in the layout of Cityscapes: leftImg8bit, gtFine, and gtCoarse for the coarse sets.
docs/training_sets.md says what is in each set. The same flags give the same files. The shards of
all sets get their names together, after the last set was written. Images that cannot be used are
left out and listed, see docs/faults.md.
"""

import contextlib

from absl import flags

from affinity_seg import cli, dead_letters, labels, tool_flags
from affinity_seg.data import listing, training_set_settings

tool_flags.define_input_flag("Folder of the data set.", "data_dir")
flags.DEFINE_string("output_dir", None, "Folder for the shards.")
flags.DEFINE_list("sets", list(training_set_settings.SETS), "Which sets to write.")
flags.DEFINE_string("fine_split", "train", "Split of the fine sets.")
flags.DEFINE_string("coarse_split", "train_extra", "Split of the coarse sets.")
flags.DEFINE_integer("num_shards", 64, "Shards of each set, at most one for each example.")
tool_flags.define_training_set_flags()
tool_flags.define_allow_flag()
dead_letters.define_flag()
flags.mark_flag_as_required("output_dir")
FLAGS = flags.FLAGS


def main():
    from affinity_seg.data import tfrecords, training_sets

    unknown = set(FLAGS.sets) - set(training_set_settings.SETS)
    if unknown or not FLAGS.sets:
        raise ValueError(f"`--sets` must name some of {training_set_settings.SETS}: {FLAGS.sets}")
    settings = tool_flags.training_set_settings()
    class_table = labels.CITYSCAPES
    settings.check(class_table)
    allowed = tool_flags.allowed_mistakes()
    letters = dead_letters.DeadLetters(FLAGS.output_dir, FLAGS.strict)
    sources = {"fine": (FLAGS.fine_split, "gtFine"), "coarse": (FLAGS.coarse_split, "gtCoarse")}
    items = {
        source: listing.list_labelled_images(
            FLAGS.input, "cityscapes", split, annotation, letters, allowed
        )
        for source, (split, annotation) in sources.items()
        if any(name.startswith(source) for name in FLAGS.sets)
    }
    rows = []
    with contextlib.ExitStack() as pending:
        for name in FLAGS.sets:
            source_items = items[name.split("_")[0]]
            built = training_sets.build(name, source_items, class_table, settings, letters)
            if not built.count:
                raise ValueError(f"{FLAGS.input}: nothing to cut for the set {name}")
            shards = min(FLAGS.num_shards, built.count)
            written = tfrecords.pending_examples(
                built.examples, built.count, class_table, FLAGS.output_dir, name, shards, allowed
            )
            summary = pending.enter_context(written)
            rows.append((name, summary.count, sum(summary.instances_of_class.values())))
    print(f"{'set':16}{'examples':>10}{'the paper':>11}{'instances':>11}")
    for name, count, instances in rows:
        print(f"{name:16}{count:10}{training_set_settings.PAPER_COUNTS[name]:11}{instances:11}")
    return letters.finish()


if __name__ == "__main__":
    cli.run(main)
