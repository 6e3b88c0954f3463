r"""Writes results in the formats of other programs.

    python tools/export_results.py --format=coco --input=runs/demo/streets \
        --results_dir=runs/demo/results --output_dir=runs/demo/export
    python tools/export_results.py --format=cityscapes_zip --input=data_sets/cityscapes \
        --split=test --results_dir=runs/cityscapes/test_results --output_dir=runs/cityscapes/export

coco: a data set and a list of results as COCO has them. label_maps: for each image a 16-bit PNG of
instance ids and a JSON file. cityscapes_zip: the archive for the Cityscapes benchmark. Only coco
reads the truth, if there is one. docs/outputs.md describes every field.
"""

import os

from absl import flags

from affinity_seg import cli, files, tool_flags
from affinity_seg.data import listing
from affinity_seg.labels import load_class_table

_FORMATS = ("coco", "label_maps", "cityscapes_zip")

flags.DEFINE_enum("format", None, _FORMATS, "What is written.")
tool_flags.define_data_flags()
tool_flags.define_class_table_flag()
flags.DEFINE_string("results_dir", None, "Folder that tools/merge.py wrote.")
flags.DEFINE_string("output_dir", None, "Folder for the files.")
tool_flags.define_filter_flags()
flags.mark_flags_as_required(["format", "results_dir", "output_dir"])
FLAGS = flags.FLAGS


def main():
    from affinity_seg.export import cityscapes_zip, coco, label_maps

    class_table = load_class_table(FLAGS.class_table)
    items = listing.list_images(FLAGS.input, FLAGS.layout, FLAGS.split)
    what = (items, FLAGS.results_dir, class_table)
    instance_filter = tool_flags.instance_filter()
    suffix = f"_{FLAGS.split}" if FLAGS.layout == "cityscapes" else ""
    files.remove_leftovers(FLAGS.output_dir)
    if FLAGS.format == "coco":
        dataset = os.path.join(FLAGS.output_dir, f"instances{suffix}.json")
        written = os.path.join(FLAGS.output_dir, f"instances{suffix}_results.json")
        count = coco.write_coco(*what, dataset, written, instance_filter)
    elif FLAGS.format == "label_maps":
        written = os.path.join(FLAGS.output_dir, "label_maps")
        count = label_maps.write_label_maps(*what, written, instance_filter)
    else:
        written = os.path.join(FLAGS.output_dir, f"cityscapes{suffix}.zip")
        count = cityscapes_zip.write_zip(*what, written, instance_filter)
    print(f"{written}: {count} instances of {len(items)} images")


if __name__ == "__main__":
    cli.run(main)
