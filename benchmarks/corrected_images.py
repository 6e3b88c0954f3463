r"""Measures what `fit --start_from` gains from a few corrected images, and loses on the old ones.

    python -m benchmarks.corrected_images --model=runs/nuclei --old=../shared/data/nuclei/val \
        --input=../shared/data/nuclei/more --height=520 --width=696 \
        --output_dir=runs/benchmark_corrected

    python -m benchmarks.corrected_images --model=nuclei --old=../shared/data/nuclei/val \
        --input=../shared/data/nuclei/train --judging_input=../shared/data/nuclei/val \
        --judging=40 --inverted --output_dir=runs/benchmark_inverted --minutes=4

The new images are those of --input, or those of the given size. The first by name are corrected.
The last judge, or those of --judging_input; --model must not have been trained on them. With
--inverted the new images are dark where they were bright, so that the model does not know their
kind. `fit` continues the model on 5 of the corrected images, on 10 and on 20. Each of these models,
and the model before, is judged on the new images and on the old ones, which are of the kind that
the model was trained on. The truth of the images takes the place of the corrections. Prints scores,
and writes results.json. Started again it goes on.
"""

import os

from affinity_seg import cli, files
from benchmarks import runs


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("model", None, "The model before: its folder, or its name.", required=True)
    values.string("input", None, "Folder with the new images, of layout folder.", required=True)
    values.string("old", None, "Folder with the old images, of layout folder.", required=True)
    values.integer("height", None, "Of the new images, pixels; default: any.", 1)
    values.integer("width", None, "Of the new images, pixels; default: any.", 1)
    values.bool("inverted", False, "Invert the brightness of the new images.")
    values.multi_integer("count", [5, 10, 20], "Numbers of corrected images.", 1)
    what = "Folder with the new images that judge; default: the last of --input."
    values.string("judging_input", None, what)
    values.integer("judging", 30, "Number of new images that judge.", 1)
    values.float("minutes", 5.0, "Minutes of each fit.", 0)
    values.string("output_dir", "runs/benchmark_corrected", "Folder of models and results.json.")


def main(values: cli.Flags) -> None:
    """Runs the program."""
    from affinity_seg import model_folder
    from affinity_seg.data import listing, plane_choice
    from affinity_seg.fitting import preparing, stages

    before = model_folder.read(values.model)
    most = max(values.count)
    if values.judging_input is None:
        new = _new_images(values, "input", most + values.judging)
        judging = new[-values.judging :]
    else:
        new = _new_images(values, "input", most)
        judging = _new_images(values, "judging_input", values.judging)[: values.judging]
    judges = {
        "new": _data_set(judging, values, "data_judging"),
        "old": listing.list_labelled_images(values.old, "folder"),
    }
    rows = [_row("the model before", before, judges, os.path.join(values.output_dir, "before"))]
    for count in values.count:
        folder = os.path.join(values.output_dir, f"fit_{count}")
        _data_set(new[:count], values, f"data_{count}")
        fit = stages.Fit(
            preparing.Request(
                input=os.path.join(values.output_dir, f"data_{count}"),
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


def _new_images(values: cli.Flags, flag: str, least: int):
    """Returns the labelled images of the folder of a flag that have the size, by name."""
    from affinity_seg.data import listing, pictures

    folder = values[flag].value
    items = listing.list_labelled_images(folder, "folder")
    sizes = (pictures.read_size(item.image_path, turned=False) for item in items)
    wanted = values.height, values.width
    found = [
        item
        for item, size in zip(items, sizes, strict=True)
        if all(want in (None, side) for want, side in zip(wanted, size, strict=True))
    ]
    if len(found) < least:
        raise ValueError(
            f"`--{flag}` must have {least} images of the size: {len(found)} in {folder}"
        )
    return found


def _data_set(items, values: cli.Flags, name: str):
    """Makes a data set of layout folder of images, and returns what is in it.

    It has links to the files, or with --inverted other images.
    """
    import cv2

    from affinity_seg.data import listing, pictures

    folder = os.path.join(values.output_dir, name)
    for item in items:
        for kind, path in (("images", item.image_path), ("instances", item.truth_path)):
            os.makedirs(os.path.join(folder, kind), exist_ok=True)
            to = os.path.join(folder, kind, os.path.basename(path))
            if values.inverted and kind == "images":
                image = 255 - pictures.read(path, turned=False)
                png = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
                files.write_bytes(os.path.splitext(to)[0] + ".png", png.tobytes())
            elif not os.path.lexists(to):
                os.symlink(os.path.abspath(path), to)
    return listing.list_labelled_images(folder, "folder")


def _row(name: str, model, judges, folder: str) -> dict[str, object]:
    """Returns the scores of a model on each set of images."""
    from affinity_seg.evaluation import metrics
    from affinity_seg.modeling import network_folder
    from affinity_seg.pipeline import prediction_runs

    row: dict[str, object] = {"model": name}
    table = network_folder.read_class_table(model.semantic_dir)
    for part, items in judges.items():
        predictions, results = (os.path.join(folder, part, x) for x in ("predictions", "results"))
        prediction_runs.segment_images(
            items, model.config(), model.network_dirs, predictions, results
        )
        scores = metrics.kept(metrics.evaluate(items, results, table))
        row |= {f"{part} {key}": value for key, value in scores.items()}
    return row


if __name__ == "__main__":
    cli.start(__name__)
