r"""Prints which class the semantic network takes for which, to choose super-classes by.

    python -m checks.confusion_matrix --predictions_dir=runs/demo/predictions \
        --input=runs/demo/streets

The most probable class of each pixel against the true one; void pixels are left out. Classes that
are often taken for each other belong into one super-class, `groups` of the class table or preset.
"""

from affinity_seg import cli, files, tool_flags
from affinity_seg.class_tables import load_class_table
from affinity_seg.evaluation import tables


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("predictions_dir", None, "Folder of the prediction records.", required=True)
    tool_flags.define_data_flags(values)
    tool_flags.define_class_table_flag(values)
    values.string("output_json", None, "File for the numbers, if given.")


def main(values: cli.Flags):
    """Runs the program."""
    from affinity_seg.pipeline import confusion

    table = load_class_table(values.class_table)
    items = tool_flags.list_labelled_images(values)
    summary = confusion.evaluate(items, values.predictions_dir, table)
    print(f"\n{values.predictions_dir}: {len(items)} images\n\n{tables.semantic_tables(summary)}\n")
    if values.output_json:
        files.write_json(values.output_json, summary)
        print(f"written: {values.output_json}")


if __name__ == "__main__":
    cli.start(__name__)
