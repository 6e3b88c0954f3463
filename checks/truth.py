"""Merges the truth of a data set and lists the instances that do not come back.

    python -m checks.truth --input=runs/demo/streets --split=val --max_images=20

Ground-truth affinities and one-hot semantics go through the op with window 1, without regions
and zoom. Instances in parts that no edge joins are listed and come back as these parts; any
other instance above --min_pixels must come back with IoU 1.0, else the exit status is 1.
"""

import sys

from affinity_seg import class_tables, cli, tool_flags
from affinity_seg.data import layouts


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    tool_flags.define_data_flags(values, layouts.LABELLED_LAYOUTS)
    tool_flags.define_class_table_flag(values)
    values.integer("min_pixels", 64, "Instances have more pixels than this.", 0)
    values.integer("max_images", None, "Check only so many images, the first by name.", 1)


def main(values: cli.Flags):
    """Runs the program."""
    from affinity_seg.evaluation.truth import read_truth
    from checks import true_predictions

    table = class_tables.load_class_table(values.class_table)
    items = tool_flags.list_labelled_images(values)
    items = items[: values.max_images]
    lost, in_parts, total = 0, 0, 0
    for item in items:
        read = read_truth(item, table)
        for result in true_predictions.check_image(
            read.classes, read.instance_ids, table.groups, values.min_pixels
        ):
            total += 1
            what = f"{item.name}: {table.class_names[result.class_index]} at {result.box}"
            if len(result.pieces) > 1:
                in_parts += 1
                print(f"{what}: parts that no edge joins, of {result.pieces} pixels")
            elif result.iou < 1:
                lost += 1
                print(f"{what}: LOST, IoU {result.iou:.4f} of {result.size} pixels")
    print(
        f"{len(items)} images, {total} instances: {total - lost - in_parts} with IoU 1.0, "
        f"{in_parts} in parts that no edge joins, {lost} lost"
    )
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    cli.start(__name__)
