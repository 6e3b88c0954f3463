r"""Checks a data set and writes it as TFRecords for training.

    affinity_seg prepare --input=runs/demo/streets --split=train --output_dir=runs/demo/tfrecords
    affinity_seg prepare --layout=folder --input=../shared/data/nuclei/train --split=train \
        --class_table=nuclei --output_dir=runs/nuclei/tfrecords
    affinity_seg prepare --input=data_sets/cityscapes --split=train \
        --sets=fine,coarse,fine_patches,coarse_patches \
        --output_dir=data_sets/cityscapes/training_sets

Layout `cityscapes` reads leftImg8bit/<split> and gtFine/<split> (or gtCoarse) of --input. Layout
`folder` reads images/ and what is there of truth: instances/, masks/, a COCO file, or files of
LabelMe, QuPath or ImageJ; --split only names the shards. Where objects may overlap, in all but
instances/, it prints what became of overlaps. If no --class_table is given for them, it makes one
of the names of the classes, class_table.yaml in --output_dir.

Images that cannot be used are left out and listed, see docs/faults.md. A data set with an obvious
mistake, such as binary masks, is refused, see docs/data.md.

With --sets it writes the sets that the paper trains on (section 5), see docs/training_sets.md, and
prints their sizes. The same flags give the same files. --split is then the split of the fine sets.
The shards of all sets are renamed to their final names together, after the last set was written.

With --runner it runs on Apache Beam, see docs/beam.md, and writes the same files.
"""

import contextlib

from affinity_seg import cli, rejected_inputs, tool_flags
from affinity_seg.data import layouts, listing, training_set_settings

_NUM_SHARDS, _NUM_SHARDS_OF_A_SET = 4, 64


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("input", None, "Folder of the data set.", required=True)
    what = "Layout of the data set's files, see docs/data.md."
    values.enum("layout", "cityscapes", layouts.LABELLED_LAYOUTS, what)
    what = "Part of the data set, and first part of the shards' names."
    values.string("split", None, what, required=True)
    values.enum(
        "annotation", "gtFine", layouts.ANNOTATIONS, "For layout cityscapes, without --sets."
    )
    tool_flags.define_plane_flags(values)
    tool_flags.define_class_table_flag(values, default=None)
    tool_flags.define_output_flag(values, "Folder for the shards; all workers of Beam must see it.")
    values.integer(
        "num_shards",
        None,
        f"Number of shards, at most one for each image; default: {_NUM_SHARDS} or fewer. With "
        f"--sets of each set, at most one for each example; default: {_NUM_SHARDS_OF_A_SET}.",
        1,
    )
    values.list("sets", [], f"Sets of the paper, some of {training_set_settings.SETS}.")
    values.string("coarse_split", "train_extra", "Split of the coarse sets.")
    tool_flags.define_training_set_flags(values)
    tool_flags.define_allow_flag(values)
    tool_flags.define_strict_flag(values)
    tool_flags.define_runner_flags(values)


def main(values: cli.Flags) -> int:
    """Runs the verb."""
    unknown = set(values.sets) - set(training_set_settings.SETS)
    if unknown:
        raise ValueError(f"`--sets` must name some of {training_set_settings.SETS}: {values.sets}")
    settings = None
    if values.sets:
        cli.refuse_given(values, ("annotation",), "not with `--sets`, each of which has its own")
    else:
        of_sets = ("coarse_split", *tool_flags.TRAINING_SET_FLAGS)
        cli.refuse_given(values, of_sets, "only with `--sets`")
    if values.sets:
        if values.layout != "cityscapes":
            raise ValueError(f"`--sets` needs `--layout=cityscapes`: {values.layout}")
        settings = tool_flags.training_set_settings(values)
    allowed = tool_flags.allowed_mistakes(values)
    if values.runner is not None:
        return _on_beam(values, settings, allowed)
    rejected = rejected_inputs.RejectedInputs(values.output_dir, values.strict)
    if settings is None:
        _write_images(values, rejected, allowed)
    else:
        _write_sets(values, settings, rejected, allowed)
    return rejected.finish()


def _list(values, annotation, rejected, allowed):
    """Returns the images of one annotation."""
    split = values.coarse_split if values.sets and annotation == "gtCoarse" else values.split
    return listing.list_labelled_images(
        values.input,
        values.layout,
        split,
        annotation,
        rejected,
        allowed,
        tool_flags.plane_choice(values),
    )


def _class_table(values, items, settings=None):
    """Returns the class table that is given, or that of the truth."""
    from affinity_seg.data import truth_classes

    class_table = truth_classes.choose(items, values.class_table, values.output_dir)
    if settings is not None:
        settings.check(class_table)
    return class_table


def _report(values, summary, class_table, what):
    """Prints what was written; keeps a class table that was made for it."""
    from affinity_seg.data import checks, truth_classes

    print(checks.describe(summary.pixels_of_class, summary.instances_of_class, class_table))
    if summary.overlaps is not None:
        print(summary.overlaps.describe())
        if values.class_table is None:
            path = truth_classes.write(class_table, values.output_dir)
            print(f"{path}: the classes; other parts of the data set need it as `--class_table`")
    print(f"{values.output_dir}: {summary.count} {what}")


def _annotation(set_name):
    return "gtCoarse" if set_name.startswith("coarse") else "gtFine"


def _write_images(values, rejected, allowed):
    """Writes the images as they are."""
    from affinity_seg.data import tfrecords

    items = _list(values, values.annotation, rejected, allowed)
    class_table = _class_table(values, items)
    num_shards = values.num_shards or min(_NUM_SHARDS, len(items))
    summary = tfrecords.write_tfrecords(
        items, class_table, values.output_dir, values.split, num_shards, rejected, allowed
    )
    what = f"images in {len(summary.paths)} shards of {values.split}"
    _report(values, summary, class_table, what)


def _write_sets(values, settings, rejected, allowed):
    """Writes sets of the paper."""
    from affinity_seg.data import tfrecords, training_sets

    # The fine and the coarse truth may be of the same images.
    lists = {name: rejected.part(f"{name}/") for name in map(_annotation, values.sets)}
    items = {name: _list(values, name, part, allowed) for name, part in lists.items()}
    class_table = _class_table(values, next(iter(items.values())), settings)
    rows = []
    with contextlib.ExitStack() as pending:
        for name in values.sets:
            annotation = _annotation(name)
            built = training_sets.build(
                name, items[annotation], class_table, settings, lists[annotation]
            )
            if not built.count:
                raise ValueError(f"{values.input}: nothing to cut for the set {name}")
            shards = min(values.num_shards or _NUM_SHARDS_OF_A_SET, built.count)
            written = tfrecords.pending_examples(
                built.examples, built.count, class_table, values.output_dir, name, shards, allowed
            )
            summary = pending.enter_context(written)
            rows.append((name, summary.count, sum(summary.instances_of_class.values())))
    print(f"{'set':16}{'examples':>10}{'the paper':>11}{'instances':>11}")
    for name, count, instances in rows:
        print(f"{name:16}{count:10}{training_set_settings.PAPER_COUNTS[name]:11}{instances:11}")


def _on_beam(values, settings, allowed):
    """Writes the images or one set by Beam; returns the exit status."""
    from affinity_seg.beam import preparing, running

    if len(values.sets) > 1:
        raise ValueError(f"`--sets` must be one set with `--runner`: {values.sets}")
    options = running.parse_options(tool_flags.beam_flags(values))
    name, annotation = values.split, values.annotation
    if values.sets:
        name, annotation = values.sets[0], _annotation(values.sets[0])
    rejected = rejected_inputs.RejectedInputs(strict=values.strict)
    items = _list(values, annotation, rejected, allowed)
    class_table = _class_table(values, items, settings)
    num_shards = _NUM_SHARDS_OF_A_SET if values.sets else min(_NUM_SHARDS, len(items))
    wanted = preparing.Preparation(
        name=name,
        items=items,
        class_table=class_table,
        output_dir=values.output_dir,
        num_shards=values.num_shards or num_shards,
        settings=settings,
        strict=values.strict,
        rejected=rejected.take(),
        allowed=allowed,
    )
    written = preparing.prepare(wanted, options)
    what = f"examples in {len(written.paths)} shards of {name}"
    _report(values, written, class_table, what)
    return rejected_inputs.report(values.output_dir)
