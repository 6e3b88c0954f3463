r"""Writes results as a page, as pictures, or in the formats of other programs.

    affinity_seg report --input=runs/demo/streets --predictions_dir=runs/demo/predictions \
        --results_dir=runs/demo/results --output_dir=runs/demo
    affinity_seg report --format=coco --input=runs/demo/streets \
        --results_dir=runs/demo/results --output_dir=runs/demo/coco
    affinity_seg report --format=cityscapes_zip --input=data_sets/cityscapes --split=test \
        --results_dir=runs/cityscapes/test/results --output_dir=runs/cityscapes/zip

html: report.html, one page without other files: settings, scores, curves, errors and a gallery, the
worst images first. Without ground truth it has no tables.
pictures: six for each image, <name>_instances, _truth, _semantic, _affinity (boundary probability
at each distance), _directions (every channel in the largest region) and _sheet, all side by side.
Images without a record or result, or with those of another image, are left out and listed, see
docs/faults.md.
coco: a data set and a list of results in COCO's format.
label_maps: for each image a 16-bit PNG of instance ids and a JSON file.
cityscapes_zip: the archive for the Cityscapes benchmark.

html and pictures need the prediction records in --predictions_dir. docs/outputs.md describes every
field of the other formats.
"""

import os

from affinity_seg import cli, files, rejected_inputs, tool_flags
from affinity_seg.class_tables import load_class_table
from affinity_seg.data import listing

_WITH_PREDICTIONS = ("html", "pictures")
_EXPORTS = ("coco", "label_maps", "cityscapes_zip")
_GALLERY = 30
_UNUSED = {
    "html": ("min_score", "classes", "strict"),
    **dict.fromkeys(_EXPORTS, ("predictions_dir", "max_images", "strict")),
}
"""Flags that a format has no use for."""


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.enum("format", "html", (*_WITH_PREDICTIONS, *_EXPORTS), "Format of the output.")
    tool_flags.define_data_flags(values)
    tool_flags.define_class_table_flag(values)
    values.string("results_dir", None, "Folder of the results.", required=True)
    values.string("predictions_dir", None, "Folder of the prediction records.")
    tool_flags.define_output_flag(values, "Folder for the files.")
    what = f"Most images. html: in the gallery, default {_GALLERY}; pictures: the first by name."
    values.integer("max_images", None, what, 0)
    tool_flags.define_filter_flags(values)
    tool_flags.define_strict_flag(values)


def main(values: cli.Flags) -> int | None:
    """Runs the verb."""
    class_table = load_class_table(values.class_table)
    if values.format in _WITH_PREDICTIONS and values.predictions_dir is None:
        raise ValueError(f"`--format={values.format}` needs `--predictions_dir`")
    unused = _UNUSED.get(values.format, ())
    cli.refuse_given(values, unused, f"not for `--format={values.format}`")
    if values.format == "html":
        return _write_page(values, class_table)
    instance_filter = tool_flags.class_filter(values).at_least(values.min_score)
    instance_filter.check(class_table)
    items = listing.list_images(
        values.input, values.layout, values.split, choice=tool_flags.plane_choice(values)
    )
    if values.format == "pictures":
        return _draw(values, items[: values.max_images], class_table, instance_filter)
    return _export(values, items, class_table, instance_filter)


def _write_page(values, class_table):
    from affinity_seg.visualization import report, report_page

    path = os.path.join(values.output_dir, "report.html")
    os.makedirs(values.output_dir, exist_ok=True)
    gathered = report.gather(
        values.input,
        values.layout,
        values.split,
        class_table,
        predictions_dir=values.predictions_dir,
        results_dir=values.results_dir,
        max_images=_GALLERY if values.max_images is None else values.max_images,
        choice=tool_flags.plane_choice(values),
    )
    report_page.write_page(path, gathered)
    print(f"{path}: {gathered.num_images} images, {len(gathered.gallery)} in the gallery")


def _draw(values, items, class_table, instance_filter):
    from tqdm import tqdm

    from affinity_seg.visualization import pictures

    rejected = rejected_inputs.RejectedInputs(values.output_dir, values.strict)
    files.remove_leftovers(values.output_dir)
    for item in tqdm(items, desc="draw", unit="image", disable=None):
        with rejected.listed(item.name, item.image_path):
            drawn = _draw_image(values, item, class_table, instance_filter)
        if item.name not in rejected:
            pictures.write_pictures(values.output_dir, item.name, drawn)
    print(f"{values.output_dir}: pictures of {len(items) - len(rejected)} images")
    return rejected.finish()


def _draw_image(values, item, class_table, instance_filter):
    """Returns the pictures of one image by kind."""
    from affinity_seg.pipeline import outputs, records
    from affinity_seg.pipeline.errors import errors_named
    from affinity_seg.visualization import overlays, pictures

    found = outputs.read_outputs(item, values.predictions_dir, values.results_dir, class_table)
    instances = instance_filter.select_predictions(found.instances, class_table)
    height, width = found.image.shape[:2]
    with errors_named(records.record_path(values.predictions_dir, item.name)):
        return pictures.draw_pictures(
            item.name,
            found.image,
            found.prediction,
            overlays.paint(instances, height, width),
            found.truth,
            class_table,
        )


def _export(values, items, class_table, instance_filter):
    from affinity_seg.export import cityscapes_zip, coco, label_maps

    what = (items, values.results_dir, class_table)
    suffix = f"_{values.split}" if values.layout == "cityscapes" else ""
    files.remove_leftovers(values.output_dir)
    if values.format == "coco":
        dataset = os.path.join(values.output_dir, f"instances{suffix}.json")
        written = os.path.join(values.output_dir, f"instances{suffix}_results.json")
        count = coco.write_coco(*what, dataset, written, instance_filter)
    elif values.format == "label_maps":
        written = os.path.join(values.output_dir, "label_maps")
        count = label_maps.write_label_maps(*what, written, instance_filter)
    else:
        written = os.path.join(values.output_dir, f"cityscapes{suffix}.zip")
        count = cityscapes_zip.write_zip(*what, written, instance_filter)
    print(f"{written}: {count} instances of {len(items)} images")
