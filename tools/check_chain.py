"""Sends perfect predictions through the whole chain and says what it loses, by cause.

    python tools/check_chain.py --input=runs/streets --output_dir=runs/chain --max_images=8

In place of the networks stands the truth of the nearest pixel of each zoomed, mirrored, padded
and tiled crop, for every pixel. Writes results to --output_dir, judges them, and lists each true
instance without a predicted one of IoU above 0.5.
"""

import collections

from absl import flags
from tqdm import tqdm

from affinity_seg import cli, labels, tool_flags
from affinity_seg.data import listing

tool_flags.define_data_flags(listing.LABELLED_LAYOUTS)
tool_flags.define_class_table_flag()
tool_flags.define_model_flags(required=False)
flags.DEFINE_integer("min_size", 100, "Smaller true instances are not listed, pixels.", 0)
flags.DEFINE_integer("max_images", None, "Check only so many images, the first by name.", 1)
flags.DEFINE_string("output_dir", None, "Folder for the results.")
flags.mark_flag_as_required("output_dir")
FLAGS = flags.FLAGS


def main():
    from affinity_seg.analysis import chain
    from affinity_seg.evaluation import judge, results
    from affinity_seg.evaluation.truth import read_truth

    table = labels.load_class_table(FLAGS.class_table)
    config = tool_flags.config()
    items = listing.list_labelled_images(FLAGS.input, FLAGS.layout, FLAGS.split)
    items = items[: FLAGS.max_images]
    counts, total, pieces = collections.Counter(), 0, 0
    for item in tqdm(items, desc="check", unit="image", disable=None):
        truth = read_truth(item.instance_path, table)
        found = chain.segment_truth(truth, config, table)
        results.write_result(FLAGS.output_dir, item.name, found, table)
        pieces += chain.count_pieces(truth, found)
        total += int((truth.instance_sizes() >= FLAGS.min_size).sum())
        for loss in chain.find_losses(truth, found, config, table, FLAGS.min_size):
            counts[loss.cause] += 1
            print(
                f"{item.name}: {table.class_names[loss.class_index]} {loss.number}, "
                f"{loss.size} pixels, IoU {loss.iou:.2f}: {loss.cause}"
            )
    judge.evaluate(items, FLAGS.output_dir, table)
    print(f"{total} instances from {FLAGS.min_size} pixels on, {counts.total()} not found")
    for cause in chain.CAUSES:
        print(f"{counts[cause]:6d}  {cause}")
    print(f"{pieces} predicted instances are pieces with an IoU of at most 0.5: false positives")


if __name__ == "__main__":
    cli.run(main)
