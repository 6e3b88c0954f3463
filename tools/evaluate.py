"""Judges result files against the truth and prints the tables.

    python tools/evaluate.py --data_dir=runs/demo/streets --results_dir=runs/demo/results
    python tools/evaluate.py --data_dir=../shared/data/nuclei/val --layout=folder \
        --class_table=configs/class_tables/nuclei.yaml --results_dir=runs/nuclei/results

Cityscapes classes are judged by the official program; others by COCO AP and by the score of the
Data Science Bowl 2018. docs/evaluation.md explains the numbers.
"""

import os

from absl import flags

from affinity_seg import cli, files
from affinity_seg.data import listing
from affinity_seg.evaluation import judge
from affinity_seg.labels import load_class_table

flags.DEFINE_string("data_dir", None, "Folder of the data set.")
flags.DEFINE_enum("layout", "cityscapes", listing.LAYOUTS, "How the data set's files lie.")
flags.DEFINE_string("split", "val", "Part of the data set, for layout cityscapes.")
flags.DEFINE_string("class_table", "cityscapes", "'cityscapes', or the path of a YAML file.")
flags.DEFINE_string("results_dir", None, "Folder that tools/merge.py wrote.")
flags.DEFINE_string("baseline_results_dir", None, "Results to be printed beside those, if given.")
flags.DEFINE_string("output_json", None, "File for the numbers, if given.")
flags.mark_flags_as_required(["data_dir", "results_dir"])
FLAGS = flags.FLAGS


def main():
    if FLAGS.output_json:  # Not to find out after the judging that there is no place for it.
        os.makedirs(os.path.dirname(os.path.abspath(FLAGS.output_json)), exist_ok=True)
    table = load_class_table(FLAGS.class_table)
    items = listing.list_labelled_images(FLAGS.data_dir, FLAGS.layout, FLAGS.split)
    scores = judge.evaluate(items, FLAGS.results_dir, table, FLAGS.baseline_results_dir)
    if FLAGS.output_json:
        files.write_json(FLAGS.output_json, scores)
        print(f"written: {FLAGS.output_json}")


if __name__ == "__main__":
    cli.run(main)
