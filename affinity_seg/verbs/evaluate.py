r"""Evaluates result files against the ground truth and prints the tables.

    affinity_seg evaluate --input=runs/demo/streets --results_dir=runs/demo/results
    affinity_seg evaluate --input=../shared/data/nuclei/val --layout=folder \
        --class_table=nuclei --results_dir=runs/nuclei/results --model=runs/nuclei

Cityscapes classes are evaluated by the official program, and by COCO AP beside it. Other classes
are evaluated by COCO AP and the score of the Data Science Bowl 2018. Both are followed by the
errors by kind and the confusion matrix of the instances. docs/evaluation.md explains the numbers.
With --model the main scores are stored in model.yaml of that folder, under the data set's name:
`ap` and `ap50`, and of the Data Science Bowl's score those at three IoUs, as `dsb_0.50`, and
the mean, as `dsb_mean`.
"""

import os

from affinity_seg import cli, files, model_folder, tool_flags
from affinity_seg.class_tables import load_class_table
from affinity_seg.data import layouts


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    tool_flags.define_data_flags(values, layouts.LABELLED_LAYOUTS)
    tool_flags.define_class_table_flag(values)
    values.string("results_dir", None, "Folder of the results.", required=True)
    values.string("baseline_results_dir", None, "Other results, printed beside the first.")
    values.string("model", None, "Folder of the model; its model.yaml stores the scores.")
    values.string("output_json", None, "JSON file for the numbers.")
    values.string("output_plot", None, "PNG for the precision-recall curves.")


def main(values: cli.Flags) -> None:
    """Runs the verb."""
    from affinity_seg.evaluation import metrics
    from affinity_seg.visualization import curves, layout

    folder = values.model and model_folder.read_own(values.model).path
    for path in (values.output_json, values.output_plot):
        if path:  # Before the evaluation, so that an error in the path is found at once.
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    table = load_class_table(values.class_table)
    items = tool_flags.list_labelled_images(values)
    scores = metrics.evaluate(items, values.results_dir, table, values.baseline_results_dir)
    if folder:
        model_folder.write(folder, scores={_name_of_data(values): metrics.kept(scores)})
        print(f"scores kept: {os.path.join(folder, model_folder.FILE)}")
    if values.output_json:
        files.write_json(values.output_json, metrics.for_json(scores))
        print(f"written: {values.output_json}")
    if values.output_plot:
        plot = curves.draw_precision_recall(metrics.coco_scores(scores)["precision_recall"])
        layout.write_png(values.output_plot, plot)
        print(f"written: {values.output_plot}")


def _name_of_data(values):
    """Returns the name of a data set: that of its folder and its part, such as streets/val."""
    parts = os.path.abspath(values.input).split(os.sep)
    if values.layout == "cityscapes":
        parts.append(values.split)
    return "/".join(parts[-2:])
