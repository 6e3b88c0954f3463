"""Data sets into TFRecords on Beam, as tools/create_tfrecords.py and create_training_sets.py do.

First all images are checked, each on its own. Then each shard is one element: its worker reads
what belongs to it from the files, so that no image travels. The shards lie in a folder of their own
until the last one is there.
"""

import contextlib
import os
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
import tensorflow as tf
from apache_beam.metrics import Metrics
from apache_beam.options.pipeline_options import PipelineOptions

from affinity_seg import files, labels
from affinity_seg.beam import collecting, running
from affinity_seg.beam.elements import Letter, LetterBox
from affinity_seg.beam.sources import LETTERS, with_letters
from affinity_seg.data import checks, tfrecords, training_set_settings, training_sets
from affinity_seg.data.listing import Item
from affinity_seg.data.training_sets import Crop


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
      letters: Images that could not be used before.
      allowed: Some of `mistakes.NAMES`, which are not refused.
    """

    name: str
    items: Sequence[Item]
    class_table: labels.ClassTable
    output_dir: str
    num_shards: int
    settings: training_set_settings.Settings | None = None
    strict: bool = False
    letters: Sequence[Letter] = ()
    allowed: Collection[str] = ()

    @property
    def has_crops(self) -> bool:
        """Whether parts are cut out of the images."""
        return self.settings is not None and training_sets.has_crops(self.name)

    @property
    def staging_dir(self) -> str:
        """Folder in which the shards wait for each other."""
        return os.path.join(self.output_dir, f".beam-{self.name}")


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


class Written(NamedTuple):
    """What a pipeline wrote.

    Attributes:
      num_examples: In all shards.
      num_shards: The shards.
      pixels_of_class: As of `tfrecords.Summary`.
      instances_of_class: As of `tfrecords.Summary`.
    """

    num_examples: int
    num_shards: int
    pixels_of_class: Counter
    instances_of_class: Counter


def prepare(preparation: Preparation, options: PipelineOptions) -> Written:
    """Writes a set and, if any, the list of images that could not be used.

    Example i of those that can be used goes to shard i modulo `num_shards`.

    Args:
      preparation: What is written.
      options: Beam's, among them the runner.

    Returns:
      What was written.

    Raises:
      ValueError: An argument breaks a rule, there is no instance at all, or a step failed.
    """
    if preparation.settings is None:
        tfrecords.shard_paths(
            preparation.output_dir,
            preparation.name,
            preparation.num_shards,
            len(preparation.items),
        )
    shutil.rmtree(preparation.staging_dir, ignore_errors=True)
    files.remove_leftovers(preparation.output_dir)
    try:
        result = running.run(lambda pipeline: _build(pipeline, preparation), options)
    finally:
        shutil.rmtree(preparation.staging_dir, ignore_errors=True)
    counted: dict[str, Counter] = {}
    for name, number in running.counters(result).items():
        kind, index = name.split()
        counted.setdefault(kind, Counter())[int(index)] += number
    return Written(
        counted["examples"][0], counted["shards"][0], counted["pixels"], counted["instances"]
    )


def _build(pipeline: beam.Pipeline, preparation: Preparation) -> None:
    """Adds all steps to a pipeline."""
    items = pipeline | "List" >> beam.Create(preparation.items) | "Spread" >> beam.Reshuffle()
    checked = items | "Check" >> with_letters(CheckImages(preparation))
    all_checked = checked.main | "AllChecked" >> beam.combiners.ToList()
    planned = all_checked | "Plan" >> beam.FlatMap(plan_shards, preparation)
    shards = planned | "SpreadShards" >> beam.Reshuffle()
    written = shards | "Write" >> beam.ParDo(WriteShard(preparation))
    found = written | "AllShards" >> beam.combiners.ToList()
    _ = found | "Publish" >> beam.Map(publish, preparation)
    letters = (checked[LETTERS], pipeline | "Listed" >> beam.Create(preparation.letters))
    all_letters = letters | "Letters" >> beam.Flatten() | beam.combiners.ToList()
    _ = all_letters | "WriteLetters" >> beam.Map(collecting.write_letters, preparation.output_dir)


class CheckImages(beam.DoFn):
    """Checks images, and finds what may be cut out of them."""

    def __init__(self, preparation: Preparation):
        self._preparation = preparation._replace(items=())

    def process(self, item: Item) -> Iterator[Any]:
        """Yields a `Checked`; tagged, `Letter`s."""
        wanted = self._preparation
        box = LetterBox(wanted.strict)
        crops, usable = None, False
        with box.listed(item.name, item.image_path):
            if wanted.has_crops:
                crops = training_sets.crops_of_image(
                    wanted.name, item, wanted.class_table, wanted.settings
                )
            checks.read_item(item, wanted.class_table)
            usable = True
        yield Checked(item.name, crops, usable)
        for letter in box.take():
            yield beam.pvalue.TaggedOutput(LETTERS, letter)


def plan_shards(all_checked: Iterable[Checked], preparation: Preparation) -> list[Shard]:
    """Returns the shards of a set; images that cannot be used are missed as the plain tools do.

    Raises:
      ValueError: There is nothing to write.
    """
    wanted = preparation
    known = {one.name: one for one in all_checked}
    if wanted.settings is None:
        parts = [(item, None) for item in wanted.items]
        count = wanted.num_shards
    else:
        items = wanted.items
        if wanted.has_crops:
            items = [item for item in items if known[item.name].crops is not None]
        crops = [crop for one in known.values() for crop in one.crops or ()]
        parts = training_sets.plan(wanted.name, items, crops, wanted.settings)
        count = min(wanted.num_shards, len(parts))
    usable = [(item, part) for item, part in parts if known[item.name].usable]
    if not usable:
        raise ValueError(f"{wanted.output_dir}: none of the images of {wanted.name} can be used")
    paths = tfrecords.shard_paths(wanted.output_dir, wanted.name, count, len(parts))
    return [Shard(path, usable[i::count]) for i, path in enumerate(paths)]


class WriteShard(beam.DoFn):
    """Writes a shard to the staging folder; written again, it is the same."""

    def __init__(self, preparation: Preparation):
        self._preparation = preparation._replace(items=())

    def process(self, shard: Shard) -> Iterator[tuple[str, int, tfrecords.Found]]:
        """Yields path, number of examples and what they hold."""
        found = tfrecords.Found.nothing()
        staged = os.path.join(self._preparation.staging_dir, os.path.basename(shard.path))
        with files.atomic_path(staged) as temporary, tf.io.TFRecordWriter(temporary) as writer:
            for example in self._examples(shard):
                writer.write(tfrecords.serialize(example))
                found.add(example)
        yield shard.path, len(shard.parts), found

    def _examples(self, shard: Shard) -> Iterator[checks.CheckedItem]:
        """Yields the examples of a shard; parts of one image follow each other."""
        wanted = self._preparation
        opened = None
        for item, part in shard.parts:
            if wanted.settings is None:
                yield checks.read_item(item, wanted.class_table)
                continue
            if opened is None or opened.item != item:
                opened = training_sets.OpenedImage(item, wanted.class_table, wanted.settings)
            yield opened.cut(part)


def publish(shards: Sequence[tuple[str, int, tfrecords.Found]], preparation: Preparation) -> None:
    """Replaces the older shards of the set by the new ones, and counts what they hold.

    Raises:
      ValueError: There is no instance at all, or ids cannot be objects.
    """
    total = tfrecords.Found.nothing()
    for _, _, found in shards:
        total.add(found)
    folder = os.path.dirname(preparation.items[0].instance_path)
    number = sum(count for _, count, _ in shards)
    total.check(folder, number, preparation.class_table, preparation.allowed)
    pending = [path for path, _, _ in shards if os.path.exists(_staged(path, preparation))]
    if pending:  # Else they were published before the step was repeated.
        if len(pending) == len(shards):
            tfrecords.remove_shards(preparation.output_dir, preparation.name)
        for path in pending:
            os.replace(_staged(path, preparation), path)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(preparation.staging_dir)
    for kind, counted in (
        ("pixels", total.pixels_of_class),
        ("instances", total.instances_of_class),
        ("examples", {0: number}),
        ("shards", {0: len(shards)}),
    ):
        for index, value in counted.items():
            Metrics.counter(running.COUNTERS, f"{kind} {index}").inc(int(value))


def _staged(path: str, preparation: Preparation) -> str:
    return os.path.join(preparation.staging_dir, os.path.basename(path))
