r"""Judges result files against the truth and prints the tables.

    python tools/evaluate.py --input=runs/demo/streets --results_dir=runs/demo/results
    python tools/evaluate.py --input=../shared/data/nuclei/val --layout=folder \
        --class_table=nuclei --results_dir=runs/nuclei/results

Cityscapes classes are judged by the official program, with COCO AP beside it; others by COCO AP and
by the score of the Data Science Bowl 2018. Then the errors by kind and the classes voted.
docs/evaluation.md explains the numbers.
"""

import os

from absl import flags

from affinity_seg import cli, files, tool_flags
from affinity_seg.data import listing
from affinity_seg.evaluation import tables
from affinity_seg.labels import load_class_table

tool_flags.define_data_flags()
tool_flags.define_class_table_flag()
flags.DEFINE_string("results_dir", None, "Folder that tools/merge.py wrote.")
flags.DEFINE_string("baseline_results_dir", None, "Results to be printed beside those, if given.")
flags.DEFINE_string("output_json", None, "File for the numbers, if given.")
flags.DEFINE_string("output_plot", None, "PNG for the precision-recall curves, if given.")
flags.mark_flag_as_required("results_dir")
FLAGS = flags.FLAGS


def main():
    from affinity_seg.evaluation import errors, judge
    from affinity_seg.visualization import curves, layout

    for path in (FLAGS.output_json, FLAGS.output_plot):
        if path:  # Not to find out after the judging that there is no place for it.
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    table = load_class_table(FLAGS.class_table)
    items = listing.list_labelled_images(FLAGS.input, FLAGS.layout, FLAGS.split)
    scores = judge.evaluate(items, FLAGS.results_dir, table, FLAGS.baseline_results_dir)
    scores["errors"] = errors.summary(judge.find_errors(items, FLAGS.results_dir, table), table)
    print(tables.error_tables(scores["errors"]) + "\n")
    if FLAGS.output_json:
        files.write_json(FLAGS.output_json, judge.for_json(scores))
        print(f"written: {FLAGS.output_json}")
    if FLAGS.output_plot:
        plot = curves.draw_precision_recall(judge.coco_scores(scores)["precision_recall"])
        layout.write_png(FLAGS.output_plot, plot)
        print(f"written: {FLAGS.output_plot}")


if __name__ == "__main__":
    cli.run(main)
