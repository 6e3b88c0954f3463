r"""Measures what `fit --start_from` gains from a few corrected images, and loses on the old ones.

    python -m benchmarks.corrected_images --model=runs/nuclei --old=../shared/data/nuclei/val \
        --input=../shared/data/nuclei/more --height=520 --width=696 \
        --output_dir=runs/benchmark_corrected

The new images are those of --input with the given size, which --model must not have been trained
on: the first by name are corrected, the last judge. `fit` continues the model on 5 of the corrected
images, on 10 and on 20. Each of these models, and the model before, is judged on the new images and
on the old ones, which are of the kind that the model was trained on. The truth of the images takes
the place of the corrections. Prints scores, and writes results.json. Started again it goes on.
"""

import os

from affinity_seg import cli, files
from benchmarks import runs


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("model", None, "The model before: its folder, or its name.", required=True)
    values.string("input", None, "Folder with the new images, of layout folder.", required=True)
    values.string("old", None, "Folder with the old images, of layout folder.", required=True)
    values.integer("height", None, "Of the new images, pixels.", 1)
    values.integer("width", None, "Of the new images, pixels.", 1)
    values.multi_integer("count", [5, 10, 20], "Numbers of corrected images.", 1)
    values.integer("judging", 30, "Number of new images that judge.", 1)
    values.float("minutes", 5.0, "Minutes of each fit.", 0)
    values.string("output_dir", "runs/benchmark_corrected", "Folder of models and results.json.")


def main(values: cli.Flags) -> None:
    """Runs the program."""
    from affinity_seg import model_folder
    from affinity_seg.data import listing, plane_choice
    from affinity_seg.fitting import preparing, stages

    before = model_folder.read(values.model)
    new = _new_images(values)
    most = max(values.count)
    if len(new) < most + values.judging:
        raise ValueError(
            f"`--input` must have {most + values.judging} images of "
            f"{values.height}x{values.width} pixels: {len(new)} in {values.input}"
        )
    judges = {
        "new": new[-values.judging :],
        "old": listing.list_labelled_images(values.old, "folder"),
    }
    rows = [_row("the model before", before, judges, os.path.join(values.output_dir, "before"))]
    for count in values.count:
        folder = os.path.join(values.output_dir, f"fit_{count}")
        data = os.path.join(values.output_dir, f"data_{count}")
        _link(new[:count], data)
        fit = stages.Fit(
            preparing.Request(
                input=data,
                output_dir=folder,
                layout="folder",
                class_table=None,
                minutes=values.minutes,
                seed=1,
                start_from=values.model,
                allowed=(),
                choice=plane_choice.ALL,
                leave_out=False,
            )
        )
        fit.plan()
        fit.train()
        fit.tune()
        model = model_folder.read(folder)
        rows.append(
            _row(f"{count} corrected images", model, judges, os.path.join(folder, "judged"))
        )
    runs.print_table(f"{len(judges['new'])} new and {len(judges['old'])} old images", rows)
    path = os.path.join(values.output_dir, "results.json")
    files.write_json(path, rows)
    print(f"\nwritten: {path}")


def _new_images(values: cli.Flags):
    """Returns the labelled images of --input that have the size, by name."""
    from affinity_seg.data import listing, pictures

    items = listing.list_labelled_images(values.input, "folder")
    size = values.height, values.width
    return [i for i in items if pictures.read_size(i.image_path, turned=False) == size]


def _link(items, folder: str) -> None:
    """Makes a data set of layout folder of links to the files of images."""
    for item in items:
        for kind, path in (("images", item.image_path), ("instances", item.truth_path)):
            os.makedirs(os.path.join(folder, kind), exist_ok=True)
            link = os.path.join(folder, kind, os.path.basename(path))
            if not os.path.lexists(link):
                os.symlink(os.path.abspath(path), link)


def _row(name: str, model, judges, folder: str) -> dict[str, object]:
    """Returns the scores of a model on each set of images."""
    from affinity_seg.evaluation import judging
    from affinity_seg.modeling import network_folder
    from affinity_seg.pipeline import prediction_runs

    row: dict[str, object] = {"model": name}
    table = network_folder.read_class_table(model.semantic_dir)
    for part, items in judges.items():
        predictions, results = (os.path.join(folder, part, x) for x in ("predictions", "results"))
        prediction_runs.segment_images(
            items, model.config(), model.network_dirs, predictions, results
        )
        scores = judging.kept(judging.judge(items, results, table))
        row |= {f"{part} {key}": value for key, value in scores.items()}
    return row


if __name__ == "__main__":
    cli.start(__name__)
