"""Data sets into TFRecords on Beam, as `affinity_seg prepare` writes them without it.

First all images are checked, each on its own. Then each shard is one element: its worker reads
what belongs to it from the files, so that no image travels. The shards lie in a folder of their own
until the last one is there.
"""

import contextlib
import functools
import os
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import apache_beam as beam
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from affinity_seg import files, labels, structured
from affinity_seg.beam import collecting, running
from affinity_seg.beam.running import ends_pipeline
from affinity_seg.beam.steps import REJECTED, Step, StepSettings
from affinity_seg.data import checks, tfrecords, training_set_settings, training_sets
from affinity_seg.data.items import Item
from affinity_seg.data.object_masks import Overlaps
from affinity_seg.data.training_sets import Crop
from affinity_seg.rejected_inputs import RejectedInput, RejectedInputs


class Preparation(NamedTuple):
    """A set of TFRecords to be written.

    Attributes:
      name: First part of the shards' names: a split, or one of `training_set_settings.SETS`.
      items: Images with truth, see `listing.list_labelled_images`.
      class_table: What the instance images may hold.
      output_dir: Folder of the shards.
      num_shards: Number of shards.
      settings: How images become a training set; None: the images as they are.
      strict: Whether the first image that cannot be used ends the pipeline.
      rejected: Images that could not be used before.
      allowed: Some of `mistakes.NAMES`, which are not refused.
    """

    name: str
    items: Sequence[Item]
    class_table: labels.ClassTable
    output_dir: str
    num_shards: int
    settings: training_set_settings.Settings | None = None
    strict: bool = False
    rejected: Sequence[RejectedInput] = ()
    allowed: Collection[str] = ()

    @property
    def staging_dir(self) -> str:
        """Folder in which the shards wait for each other."""
        return os.path.join(self.output_dir, f".beam-{self.name}")

    @property
    def summary_path(self) -> str:
        """File that says what was written, until the program has read it."""
        return self.staging_dir + ".json"


class Checked(NamedTuple):
    """What is known of an image before the shards are planned.

    Attributes:
      name: Its key.
      crops: What may be cut out of it, for sets of patches; None if its truth cannot be used.
      usable: Whether the image can be used.
    """

    name: str
    crops: list[Crop] | None
    usable: bool


class Shard(NamedTuple):
    """A shard to be written.

    Attributes:
      path: Its file in the end.
      parts: Its examples in their order: images, and what is cut out of them, None for all.
    """

    path: str
    parts: list[tuple[Item, Crop | None]]


def prepare(wanted: Preparation, options: PipelineOptions) -> tfrecords.Summary:
    """Writes a set and, if any, the list of images that could not be used.

    Example i of those that can be used goes to shard i modulo `num_shards`.

    Args:
      wanted: What is written.
      options: Beam's, of `running.parse_options`, among them the runner.

    Returns:
      What was written.

    Raises:
      ValueError: An argument breaks a rule, there is no instance at all, or a step failed.
    """
    if wanted.settings is None:
        number = len(wanted.items)
        tfrecords.shard_paths(wanted.output_dir, wanted.name, wanted.num_shards, number)
    shutil.rmtree(wanted.staging_dir, ignore_errors=True)
    files.remove_leftovers(wanted.output_dir)
    try:
        running.run(lambda pipeline: _build(pipeline, wanted), options)
        count, paths, overlaps, *counted = structured.read_json(wanted.summary_path)
    finally:
        shutil.rmtree(wanted.staging_dir, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            os.remove(wanted.summary_path)
    of_class = (Counter({int(key): number for key, number in one.items()}) for one in counted)
    return tfrecords.Summary(count, paths, *of_class, overlaps and Overlaps(*overlaps))


def _build(pipeline: beam.Pipeline, wanted: Preparation) -> None:
    """Adds all steps to a pipeline."""
    # What goes to the workers with each step.
    small = wanted._replace(items=(), rejected=())
    items = pipeline | "List" >> beam.Create(wanted.items) | "Spread" >> beam.Reshuffle()
    check = functools.partial(check_image, wanted=small)
    checked = items | "Check" >> Step(check, StepSettings(wanted.strict)).split()
    all_checked = checked.main | "AllChecked" >> beam.combiners.ToList()
    planned = all_checked | "Plan" >> beam.FlatMap(plan_shards, wanted)
    shards = planned | "SpreadShards" >> beam.Reshuffle()
    written = shards | "Write" >> beam.Map(write_shard, small)
    found = written | "AllShards" >> beam.combiners.ToList()
    folder = os.path.dirname(wanted.items[0].truth_path)
    _ = found | "Publish" >> beam.Map(publish, small, folder)
    rejected = (checked[REJECTED], pipeline | "Listed" >> beam.Create(wanted.rejected))
    all_rejected = rejected | "Rejected" >> beam.Flatten() | beam.combiners.ToList()
    _ = all_rejected | "WriteRejected" >> beam.Map(collecting.write_rejected, wanted.output_dir)


def check_image(item: Item, rejected: RejectedInputs, wanted: Preparation) -> Iterator[Checked]:
    """Checks an image, and finds what may be cut out of it."""
    crops, usable = None, False
    with rejected.listed(item.name, item.image_path):
        if wanted.settings is not None and training_sets.has_crops(wanted.name):
            crops = training_sets.crops_of_image(
                wanted.name, item, wanted.class_table, wanted.settings
            )
        checks.read_item(item, wanted.class_table)
        usable = True
    yield Checked(item.name, crops, usable)


@ends_pipeline()
def plan_shards(all_checked: Iterable[Checked], wanted: Preparation) -> list[Shard]:
    """Returns the shards of a set; images that cannot be used are missed as without Beam.

    Raises:
      ValueError: There is nothing to write.
    """
    known = {one.name: one for one in all_checked}
    if wanted.settings is None:
        parts = [(item, None) for item in wanted.items]
        count = wanted.num_shards
    else:
        items = wanted.items
        if training_sets.has_crops(wanted.name):
            items = [item for item in items if known[item.name].crops is not None]
        crops = [crop for one in known.values() for crop in one.crops or ()]
        parts = training_sets.plan(wanted.name, items, crops, wanted.settings)
        count = min(wanted.num_shards, len(parts))
    usable = [(item, part) for item, part in parts if known[item.name].usable]
    if not usable:
        raise ValueError(f"{wanted.output_dir}: none of the images of {wanted.name} can be used")
    paths = tfrecords.shard_paths(wanted.output_dir, wanted.name, count, len(parts))
    return [Shard(path, usable[i::count]) for i, path in enumerate(paths)]


@ends_pipeline()
def write_shard(shard: Shard, wanted: Preparation) -> tuple[str, int, tfrecords.Found]:
    """Writes a shard to the staging folder; written again, it is the same.

    Returns:
      Path, number of examples and what they hold.
    """
    if wanted.settings is None:
        examples = checks.read_items([item for item, _ in shard.parts], wanted.class_table)
    else:
        examples = training_sets.examples(shard.parts, wanted.class_table, wanted.settings)
    found = tfrecords.Found.nothing()
    staged = _staged(shard.path, wanted)
    with files.atomic_path(staged) as temporary, tf.io.TFRecordWriter(temporary) as writer:
        for example in examples:
            writer.write(tfrecords.serialize(example))
            found.add(example)
    return shard.path, len(shard.parts), found


@ends_pipeline()
def publish(
    shards: Sequence[tuple[str, int, tfrecords.Found]], wanted: Preparation, folder: str
) -> None:
    """Replaces the older shards of the set by the new ones, and writes what they hold.

    Args:
      shards: What `write_shard` gave.
      wanted: The set.
      folder: Of the instance images, for messages.

    Raises:
      ValueError: There is no instance at all, or ids cannot be objects.
    """
    total = tfrecords.Found.nothing()
    for _, _, found in shards:
        total.add(found)
    paths = sorted(path for path, _, _ in shards)
    count = sum(number for _, number, _ in shards)
    total.check(folder, count, wanted.class_table, wanted.allowed)
    of_class = total.pixels_of_class, total.instances_of_class
    counted = [{int(key): int(number) for key, number in one.items()} for one in of_class]
    files.write_json(wanted.summary_path, [count, paths, total.sum_of_overlaps(), *counted])
    pending = [path for path in paths if os.path.exists(_staged(path, wanted))]
    if pending:  # Else they were published before the step was repeated.
        if len(pending) == len(paths):
            tfrecords.remove_shards(wanted.output_dir, wanted.name)
        for path in pending:
            os.replace(_staged(path, wanted), path)


def _staged(path: str, wanted: Preparation) -> str:
    return os.path.join(wanted.staging_dir, os.path.basename(path))
