r"""Runs the paper's tables of strategies on a data set and prints its numbers beside ours.

    affinity_seg ablation --table=2 --table=3 --input=runs/demo/streets --model=runs/demo \
        --override=crop_size=385 --override=max_zoom=2 --output_dir=runs/ablation

Each row has a preset in configs/presets. Rows that need the same predictions share the records,
and no network runs twice on a crop. --override changes a field in every row, for data other than
Cityscapes. --stride_8_model is a model whose networks were fine-tuned at output stride 8, as the
paper's were: rows with that stride use it. Writes table<n>.md and table<n>.json. Started again, it
continues.
"""

import os

from affinity_seg import cli, files, model_folder, tool_flags
from affinity_seg.class_tables import load_class_table
from affinity_seg.configs.paper_tables import TABLES
from affinity_seg.data import layouts


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.multi_enum("table", ["2", "3"], [str(n) for n in TABLES], "Tables of the paper.")
    tool_flags.define_data_flags(values, layouts.LABELLED_LAYOUTS)
    tool_flags.define_class_table_flag(values)
    values.string("presets_dir", "configs/presets", "Folder of the rows' presets.")
    values.multi_string("override", [], "field=value, changes one field in every row.")
    values.string("model", None, "Folder of the model.", required=True)
    what = "Folder of a model fine-tuned at output stride 8; default: --model."
    values.string("stride_8_model", None, what)
    tool_flags.define_output_flag(values, "Folder for predictions, results and tables.")


def main(values: cli.Flags) -> None:
    """Runs the verb."""
    from affinity_seg.analysis import ablation

    items = tool_flags.list_labelled_images(values)
    class_table = load_class_table(values.class_table)
    fine = values.stride_8_model
    texts = []
    for number in sorted({int(n) for n in values.table}):
        found = ablation.run_table(
            TABLES[number],
            items,
            class_table,
            presets_dir=values.presets_dir,
            overrides=values.override,
            model=tool_flags.model(values),
            stride_8_model=model_folder.read(fine) if fine else None,
            output_dir=values.output_dir,
        )
        texts.append(ablation.markdown(number, found))
        path = os.path.join(values.output_dir, f"table{number}")
        files.write_bytes(path + ".md", (texts[-1] + "\n").encode())
        files.write_json(path + ".json", {"overrides": values.override, "rows": found})
    print("\n" + "\n\n".join(texts))
