r"""Finds the instances of pictures, or of a whole data set.

    affinity_seg segment --input=cells.png --model=nuclei --output_dir=out
    affinity_seg segment --layout=cityscapes --input=runs/demo/streets --model=runs/demo \
        --output_dir=runs/demo
    affinity_seg segment --layout=cityscapes --input=runs/demo/streets --model=runs/demo \
        --output_dir=runs/demo/beam --runner=DirectRunner --direct_num_workers=2 --evaluate

Without --layout, --input is a picture or a folder of pictures, and may be given several times. Each
picture gets an overlay and a JSON file with every instance, or what --formats names: label images,
outlines for ImageJ and QuPath, COCO, a table of measurements (docs/outputs.md). --page and
--channels choose from a TIFF file with several pages or channels (docs/data.md). A warning tells
of colours that seem to be different stains. If one of several pictures cannot be used, it is listed
in rejected.json of the output folder, and the run goes on with the others. Started again, it
continues with the pictures that are missing. Large pictures are segmented in parts, TIFF files
beyond the memory as well, if the preset has no regions (docs/inference.md).

With --layout, --input is a data set. Each image gets a prediction record in
<output_dir>/predictions (logits at the networks' strides, and the regions of interest) and a result
in <output_dir>/results, for `affinity_seg evaluate` and `affinity_seg report`.
--stop_after=predictions writes no results; `affinity_seg merge` makes them later. Started again, it
continues with the images that are missing. A record of another image of the same name is an error.
Images that cannot be read or predicted are left out and listed, see docs/faults.md. --timeline
writes when each stage was at work, for https://ui.perfetto.dev.

With --runner a data set is segmented on Apache Beam, which writes the same files. All flags of
Beam's pipeline options are accepted, see docs/beam.md.

--model may also be an exported model, for pictures and with --runner. It writes no predictions.
"""

import contextlib
import functools
import os

from affinity_seg import cli, rejected_inputs, structured, tool_flags
from affinity_seg.configs import choices
from affinity_seg.configs.choices import PREDICTIONS, RESULTS
from affinity_seg.data import layouts, listing, mistakes, pixel_sizes
from affinity_seg.export import formats

_IN_AN_EXPORTED_MODEL = ("preset", "override", "diameter", "min_score", "classes")
_OF_A_DATA_SET = ("split", "stop_after", "timeline", "runner")
_OF_PICTURES = ("formats", "pixel_size")
_ON_BEAM = ("evaluate", "coco", "threads")
_OF_INSTANCES = ("min_score", "classes")


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    what = "A picture, or a folder of pictures; with --layout: folder of the data set."
    values.multi_string("input", None, what, required=True)
    only = " and ".join(layouts.PATTERN_LAYOUTS)
    values.enum(
        "layout",
        None,
        layouts.SOURCE_LAYOUTS,
        f"Layout of the data set's files, see docs/data.md; {only}: only with --runner.",
    )
    values.string("split", "val", "Part of the data set, for layout cityscapes.")
    tool_flags.define_model_flags(values, "runs/demo")
    what = "Folder for the outputs; all workers of Beam must see it."
    tool_flags.define_output_flag(values, what)
    tool_flags.define_plane_flags(values)
    tool_flags.define_formats_flags(values)
    what = "Diameter of most objects, pixels of the picture: instead of measuring what is found."
    values.float("diameter", None, what)
    tool_flags.define_filter_flags(values)
    values.enum("stop_after", None, [PREDICTIONS], "Write predictions, but no results.")
    values.string("timeline", None, "JSON file for the times of each stage.")
    tool_flags.define_strict_flag(values)
    tool_flags.define_runner_flags(values)
    values.bool("evaluate", False, "With --runner: write AP to scores.json.")
    values.bool("coco", False, "With --runner: write COCO files to coco/.")
    what = "With --runner: TensorFlow's threads in each process; 0: one for each core."
    values.integer("threads", 0, what, 0)


def main(values: cli.Flags) -> int:
    """Runs the verb."""
    cli.import_tensorflow()
    if values.runner is None:
        cli.refuse_given(values, _ON_BEAM, "only with `--runner`")
    if values.layout is None:
        cli.refuse_given(values, _OF_A_DATA_SET, "only with `--layout`")
        tool_flags.check_formats(values)
        return _segment_pictures(values)
    cli.refuse_given(values, _OF_PICTURES, "only without `--layout`")
    if len(values.input) > 1:
        raise ValueError(f"`--input` must be one data set: {values.input}")
    if values.runner is not None:
        cli.refuse_given(values, ("stop_after", "timeline"), "only without `--runner`")
        return _segment_on_beam(values)
    if values.layout in layouts.PATTERN_LAYOUTS:
        raise ValueError(f"`--layout={values.layout}` needs `--runner`")
    return _segment_data_set(values)


def _segment_pictures(values):
    from tqdm import tqdm

    items = listing.list_pictures(values.input, tool_flags.plane_choice(values))
    made_from, load = _what_segments(values)
    writer = tool_flags.writer(values, items)
    segmenter, num_taken, stains = None, 0, _StainHint()
    rejected = rejected_inputs.RejectedInputs(values.output_dir, values.strict or len(items) == 1)
    for item in tqdm(items, desc="segment", unit="image", disable=len(items) == 1 or None):
        is_taken = False
        with rejected.listed(item.name, item.image_path):
            item.check_names()
            source = _source(item, made_from)
            is_taken = writer.take(item.name, source)
        num_taken += is_taken
        if is_taken or item.name in rejected:
            continue
        segmenter = segmenter or load()
        with rejected.listed(item.name, item.image_path):
            count, converted = _convert(item, segmenter, writer, stains, values)
            # Outside the `with` block, because an error of writing is not caused by the picture.
        if item.name not in rejected:
            paths = writer.write(item.name, converted, source)
            tqdm.write(f"{count} instances: {', '.join(paths) or item.name}")
    if num_taken:
        print(f"{values.output_dir}: {num_taken} of {len(items)} pictures were there already")
    for path in writer.finish():
        print(f"written: {path}")
    others = writer.find_others([item.name for item in items])
    if others:
        mistakes.warn(
            f"{mistakes.counted(len(others), 'file is', 'files are')} of an earlier run with other "
            f"settings or pictures: {mistakes.listed(others)}"
        )
    return rejected.finish()


def _source(item, made_from):
    """Returns a hash of all that determines the results of a picture."""
    return structured.digest({"file": item.filename, "image": item.image_sha256(), **made_from})


class _StainHint:
    """Warns of the first picture whose channels seem to be different stains."""

    def __init__(self):
        self._is_given = False

    def check(self, item, image, segmenter):
        """Checks a picture that is to be segmented, unless its channels were chosen."""
        from affinity_seg.data import stains

        if self._is_given or item.choice.channels is not None or not segmenter.ignores_brightness:
            return
        found = stains.difference(image)
        if found is not None:
            self._is_given = True
            mistakes.warn(
                f"{item.image_path}: channels {found.first} and {found.second} differ as different "
                f"stains do (correlation {found.correlation:.2f}), and all channels are segmented "
                "together; if the objects are in one channel choose it, such as `--channels=3` for "
                "blue (other pictures of this run may be alike)"
            )


def _convert(item, segmenter, writer, stains, values):
    """Segments a picture; returns the number of its instances, and what `Writer.convert` does."""
    from affinity_seg.data import windows
    from affinity_seg.export.formats.picture import SegmentedPicture
    from affinity_seg.pipeline.errors import errors_named

    with (
        errors_named(item.image_path),
        contextlib.closing(windows.open_picture(item.image_path, item.choice)) as image,
    ):
        writer.check_size(image.size)
        stains.check(item, image, segmenter)
        pixel_size = _pixel_size(item, values)
        instances = _segment(segmenter, image, item)
        picture = SegmentedPicture(
            item.name,
            item.filename,
            image,
            instances,
            segmenter.class_table,
            _candidates(instances, segmenter, tool_flags.class_filter(values)),
            pixel_size,
        )
        return len(instances.classes), writer.convert(picture)


def _pixel_size(item, values):
    """Returns the size of a pixel, if it is written; tells of one that the file states."""
    if values.pixel_size is not None or not formats.with_pixel_size(values.formats):
        return values.pixel_size
    stated = pixel_sizes.read(item.image_path)
    if stated.remark:
        _tell(item, stated.remark + ("" if stated.micrometres else "; give `--pixel_size`"))
    return stated.micrometres


def _segment(segmenter, image, item):
    """Returns the instances of a picture; tells of objects that may be cut."""
    from tqdm import tqdm

    from affinity_seg.pipeline import large

    def progress(parts, what):
        """Shows a bar of the parts, if there are several and a terminal."""
        bar = {"desc": f"{item.name}: {what}", "unit": "part", "leave": False}
        return tqdm(parts, **bar, disable=len(parts) == 1 or None)

    found = large.find(segmenter, image, progress)
    if found.warning:
        _tell(item, found.warning)
    return found.instances


def _tell(item, text):
    """Prints a line about a picture, above the bars of progress."""
    from tqdm import tqdm

    tqdm.write(f"{item.image_path}: {text}")


def _candidates(instances, segmenter, instance_filter):
    """Returns all classes of the masks, or None if the preset gives each mask only one."""
    from affinity_seg.pipeline.merging import class_candidates

    if instances.votes is None or segmenter.config.vote_min_ratio is None:
        return None
    listed = class_candidates(instances, segmenter.config)
    return instance_filter.select_candidates(listed, segmenter.class_table)


def _what_segments(values):
    """Returns what determines the instances of pictures, and a function that loads the model."""
    from affinity_seg.pipeline import fingerprint, merge_runs, prediction_runs
    from affinity_seg.serving import saved_model
    from affinity_seg.serving.exported import ExportedModel

    exported = saved_model.find_version(values.model)
    if exported is not None:
        cli.refuse_given(values, _IN_AN_EXPORTED_MODEL, "in an exported model already")
        made_by, load = saved_model.identity(exported), lambda: ExportedModel(exported)
    else:
        config, dirs = tool_flags.config(values), tool_flags.model(values).network_dirs
        method, instance_filter = choices.MERGE_METHODS[0], tool_flags.class_filter(values)
        predictions = fingerprint.prediction_fingerprint(config, *dirs)
        made_by = merge_runs.result_fingerprint(predictions, config, method, instance_filter)
        load = functools.partial(prediction_runs.load_segmenter, config, *dirs, instance_filter)
    return {"made_by": made_by, "pixel_size": values.pixel_size}, load


def _segment_data_set(values):
    from affinity_seg.modeling import network_folder
    from affinity_seg.pipeline import merge_runs, prediction_runs, records
    from affinity_seg.pipeline.fingerprint import prediction_fingerprint
    from affinity_seg.pipeline.timeline import NETWORK, WAIT_FINISH, WAIT_READ, Timeline

    items = listing.list_images(
        values.input[0], values.layout, values.split, choice=tool_flags.plane_choice(values)
    )
    config, dirs = tool_flags.config(values), tool_flags.model(values).network_dirs
    predictions_dir, results_dir = (
        os.path.join(values.output_dir, name) for name in (PREDICTIONS, RESULTS)
    )
    rejected = rejected_inputs.RejectedInputs(predictions_dir, values.strict)
    method, instance_filter = choices.MERGE_METHODS[0], tool_flags.class_filter(values)
    merger = None
    if values.stop_after is not None:
        cli.refuse_given(values, _OF_INSTANCES, "not with `--stop_after`, which finds no instances")
    else:
        instance_filter.check(network_folder.read_class_table(dirs[0]))
        unmerged = rejected_inputs.RejectedInputs(results_dir, values.strict)
        fingerprint = prediction_fingerprint(config, *dirs)
        merger = merge_runs.RecordMerger(
            fingerprint, config, method, results_dir, instance_filter, rejected=unmerged
        )
    times = Timeline()
    count = prediction_runs.predict_images(
        items, config, *dirs, predictions_dir, merger=merger, times=times, rejected=rejected
    )
    predicted = [item.name for item in items if item.name not in rejected]
    megabytes = records.mean_size(predictions_dir, predicted) / 1e6
    print(
        f"{predictions_dir}: {count} images predicted, {len(predicted) - count} were there "
        f"already, {megabytes:.1f} MB each"
    )
    print(
        f"{times.total_seconds():.1f} s: {times.seconds(NETWORK):.1f} s in the networks, which "
        f"waited {times.seconds(WAIT_READ):.1f} s for images and "
        f"{times.seconds(WAIT_FINISH):.1f} s for records and results"
    )
    if values.timeline:
        times.write(values.timeline)
        print(f"written: {values.timeline}")
    status = rejected.finish()
    if merger is not None:
        more = 0
        if predicted:  # Records that were there already, perhaps without a result.
            more = merge_runs.merge_records(
                predictions_dir, config, method, results_dir, instance_filter, unmerged
            )
        print(f"{results_dir}: {merger.count + more} images merged")
        status = max(status, unmerged.finish())
    return status


def _segment_on_beam(values):
    from affinity_seg.beam import running, segmenting
    from affinity_seg.beam.segmentation import Segmentation
    from affinity_seg.evaluation import tables
    from affinity_seg.modeling import network_folder
    from affinity_seg.serving import saved_model

    options = running.parse_options(tool_flags.beam_flags(values))
    same = ("output_dir", "layout", "split", "evaluate", "coco", "strict", "threads")
    settings = {name: getattr(values, name) for name in same}
    settings["choice"] = tool_flags.plane_choice(values)
    if saved_model.find_version(values.model) is None:
        settings["network_dirs"] = tool_flags.model(values).network_dirs
        settings["config"] = tool_flags.config(values)
        settings["instance_filter"] = tool_flags.class_filter(values)
        table = network_folder.read_class_table(settings["network_dirs"][0])
        settings["instance_filter"].check(table)
    else:
        cli.refuse_given(values, _IN_AN_EXPORTED_MODEL, "in an exported model already")
        settings["exported_dir"] = values.model
    summary = segmenting.segment(Segmentation(input=values.input[0], **settings), options)
    print(
        f"{values.output_dir}: {summary.predicted} images predicted, {summary.merged} merged, "
        f"{summary.done_before} were there already"
    )
    if summary.scores:
        print("\n" + tables.main_table(summary.scores) + "\n")
    return rejected_inputs.report(values.output_dir)
