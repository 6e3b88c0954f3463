"""Sends perfect predictions through the whole chain and says what it loses, by cause.

    python -m checks.chain --input=runs/streets --output_dir=runs/chain --max_images=8

In place of the networks stands the truth of the nearest pixel of each zoomed, mirrored, padded
and tiled crop, for every pixel. Writes results to --output_dir, judges them, and lists each true
instance without a predicted one of IoU above 0.5.
"""

import collections

from tqdm import tqdm

from affinity_seg import class_tables, cli, tool_flags
from affinity_seg.data import layouts


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    tool_flags.define_data_flags(values, layouts.LABELLED_LAYOUTS)
    tool_flags.define_class_table_flag(values)
    tool_flags.define_model_flags(values, required=False)
    values.integer("min_size", 100, "Smaller true instances are not listed, pixels.", 0)
    values.integer("max_images", None, "Check only so many images, the first by name.", 1)
    values.string("output_dir", None, "Folder for the results.", required=True)


def main(values: cli.Flags):
    """Runs the program."""
    from affinity_seg.evaluation import metrics, result_writing
    from affinity_seg.evaluation.truth import read_truth
    from checks import chain_losses

    table = class_tables.load_class_table(values.class_table)
    config = tool_flags.config(values)
    items = tool_flags.list_labelled_images(values)
    items = items[: values.max_images]
    counts, total, pieces = collections.Counter(), 0, 0
    for item in tqdm(items, desc="check", unit="image", disable=None):
        truth = read_truth(item, table)
        found = chain_losses.segment_truth(truth, config, table)
        result_writing.write_result(values.output_dir, item.name, found, table)
        pieces += chain_losses.count_pieces(truth, found)
        total += int((truth.instance_sizes() >= values.min_size).sum())
        for loss in chain_losses.find_losses(truth, found, config, table, values.min_size):
            counts[loss.cause] += 1
            print(
                f"{item.name}: {table.class_names[loss.class_index]} {loss.number}, "
                f"{loss.size} pixels, IoU {loss.iou:.2f}: {loss.cause}"
            )
    metrics.evaluate(items, values.output_dir, table)
    print(f"{total} instances from {values.min_size} pixels on, {counts.total()} not found")
    for cause in chain_losses.CAUSES:
        print(f"{counts[cause]:6d}  {cause}")
    print(f"{pieces} predicted instances are pieces with an IoU of at most 0.5: false positives")


if __name__ == "__main__":
    cli.start(__name__)
