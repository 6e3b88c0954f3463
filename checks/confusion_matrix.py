r"""Prints which class the semantic network takes for which, to choose super-classes by.

    python -m checks.confusion_matrix --predictions_dir=runs/demo/predictions \
        --input=runs/demo/streets

The most probable class of each pixel against the true one; void pixels are left out. Classes that
are often taken for each other belong into one super-class, `groups` of the class table or preset.
"""

from absl import flags

from affinity_seg import cli, files, tool_flags
from affinity_seg.data import listing
from affinity_seg.evaluation import tables
from affinity_seg.labels import load_class_table

flags.DEFINE_string("predictions_dir", None, "Folder that tools/predict.py wrote.")
tool_flags.define_data_flags()
tool_flags.define_class_table_flag()
flags.DEFINE_string("output_json", None, "File for the numbers, if given.")
flags.mark_flag_as_required("predictions_dir")
FLAGS = flags.FLAGS


def main():
    from affinity_seg.pipeline import confusion

    table = load_class_table(FLAGS.class_table)
    items = listing.list_labelled_images(FLAGS.input, FLAGS.layout, FLAGS.split)
    summary = confusion.evaluate(items, FLAGS.predictions_dir, table)
    print(f"\n{FLAGS.predictions_dir}: {len(items)} images\n\n{tables.semantic_tables(summary)}\n")
    if FLAGS.output_json:
        files.write_json(FLAGS.output_json, summary)
        print(f"written: {FLAGS.output_json}")


if __name__ == "__main__":
    cli.run(main)
