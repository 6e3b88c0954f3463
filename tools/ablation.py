r"""Runs the paper's tables of strategies on a data set and prints its numbers beside ours.

    python tools/ablation.py --table=2 --table=3 --input=runs/demo/streets \
        --model=runs/demo \
        --override=crop_size=385 --override=max_zoom=2 --output_dir=runs/ablation

One preset of configs/presets for each row. Rows that want the same predictions share the records,
and no network runs twice on a crop. --override changes a field in every row, for data that are
not Cityscapes. --stride_8_model has networks that were fine-tuned at output stride 8, as the
paper's: rows with that stride take them. Writes table<n>.md and table<n>.json; started again, it
continues.
"""

import os

from absl import flags

from affinity_seg import cli, files, tool_flags
from affinity_seg.configs.paper_tables import TABLES
from affinity_seg.data import listing
from affinity_seg.labels import load_class_table

flags.DEFINE_multi_enum("table", ["2", "3"], [str(n) for n in TABLES], "Tables of the paper.")
tool_flags.define_data_flags()
tool_flags.define_class_table_flag()
flags.DEFINE_string("presets_dir", "configs/presets", "Folder of the rows' presets.")
flags.DEFINE_multi_string("override", [], "field=value, changes one field in every row.")
flags.DEFINE_string("model", None, "Folder of the model.", required=True)
flags.DEFINE_string(
    "stride_8_model", None, "Folder of networks fine-tuned at output stride 8; default: --model."
)
flags.DEFINE_string("output_dir", "runs/ablation", "Folder for predictions, results and tables.")
FLAGS = flags.FLAGS


def main():
    from affinity_seg import model_folder
    from affinity_seg.analysis import ablation

    items = listing.list_labelled_images(FLAGS.input, FLAGS.layout, FLAGS.split)
    class_table = load_class_table(FLAGS.class_table)
    fine = FLAGS.stride_8_model
    texts = []
    for number in sorted({int(n) for n in FLAGS.table}):
        found = ablation.run_table(
            TABLES[number],
            items,
            class_table,
            presets_dir=FLAGS.presets_dir,
            overrides=FLAGS.override,
            model=model_folder.read(FLAGS.model),
            stride_8_model=model_folder.read(fine) if fine else None,
            output_dir=FLAGS.output_dir,
        )
        texts.append(ablation.markdown(number, found))
        path = os.path.join(FLAGS.output_dir, f"table{number}")
        files.write_bytes(path + ".md", (texts[-1] + "\n").encode())
        files.write_json(path + ".json", {"overrides": FLAGS.override, "rows": found})
    print("\n" + "\n\n".join(texts))


if __name__ == "__main__":
    cli.run(main)
