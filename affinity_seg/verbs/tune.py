r"""Chooses the preset of a model on labelled images, and writes it into the model's folder.

    affinity_seg tune --model=runs/nuclei --layout=folder --input=my_data/tune
    affinity_seg tune --model=runs/demo --input=runs/demo/streets --split=train --max_images=40 \
        --zooms=1.5,2,3

The networks run once on each image, and once more for each further zoom. Then the predictions are
merged with one preset after the other, and the instances are scored. --parts are tuned in turn:
stages of the merge with their thresholds, the last threshold, `min_pixels`, `merge_window`, flips.
Do not tune on the images that you evaluate on: take a part of the training images.

Prints a table with a row for each value that was tried, and writes the best preset, with all of its
fields, into model.yaml. The output folder keeps the predictions, and tune.json has the scores and
the table. Started again, it continues, and needs no network for what was predicted already.
"""

import os

from affinity_seg import cli, model_folder, tool_flags
from affinity_seg.analysis import candidates
from affinity_seg.configs import choices
from affinity_seg.data import layouts, sampling


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    tool_flags.define_data_flags(values, layouts.LABELLED_LAYOUTS)
    tool_flags.define_model_flags(values, shipped=False)
    what = "Use only so many images, spread evenly over the list by name."
    values.integer("max_images", None, what, 1)
    values.list("parts", list(candidates.PARTS), "What is tuned.")
    values.list("zooms", [], "Values of max_zoom to try, of object_size with zoom: auto.")
    what = (
        "What is maximized: AP, or the score of the Data Science Bowl. Default: dsb for one class."
    )
    values.enum("metric", None, choices.METRICS, what)
    what = "Largest number of rounds; the search ends earlier if a round changes nothing."
    values.integer("max_rounds", 3, what, 1)
    what = "Folder for predictions and tune.json; default: `tune` in the model's folder."
    values.string("output_dir", None, what)


def main(values: cli.Flags) -> None:
    """Runs the verb."""
    from affinity_seg.analysis import preset_scores, tuning

    unknown = set(values.parts) - set(candidates.PARTS)
    if unknown or not values.parts:
        raise ValueError(f"`--parts` must be some of {candidates.PARTS}: {values.parts}")
    start = tool_flags.config(values)
    model = model_folder.read_own(values.model)
    items = tool_flags.list_labelled_images(values)
    output_dir = values.output_dir or os.path.join(values.model, "tune")
    tuned = tuning.tune(
        sampling.spread(items, values.max_images),
        model,
        start,
        parts=values.parts,
        zooms=_zooms(values.zooms),
        metric=values.metric,
        max_rounds=values.max_rounds,
        output_dir=output_dir,
    )
    print("\n" + tuning.markdown(tuned) + "\n")
    print(f"{tuned.metric}: {tuned.rows[0].score:.4f} with the preset, {tuned.score:.4f} tuned")
    changes = preset_scores.changes(tuned.config, start)
    print("changed: " + (", ".join(f"{k}={v}" for k, v in changes.items()) or "nothing"))
    print(f"scores: {os.path.join(output_dir, tuning.FILE)}")
    model_folder.write(values.model, preset=tuned.config)
    print(f"preset written: {os.path.join(values.model, model_folder.FILE)}")


def _zooms(texts: list[str]) -> list[float]:
    try:
        return [float(text) for text in texts]
    except ValueError as error:
        raise ValueError(f"`--zooms` must be numbers: {texts}") from error
