"""Data sets into TFRecords on Beam, as tools/create_tfrecords.py and create_training_sets.py do.

Each shard is one element: its worker reads the images of the shard and writes it, so that no image
travels. The shards lie in a folder of their own until the last one is there.
"""

import contextlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
import tensorflow as tf
from apache_beam.metrics import Metrics
from apache_beam.options.pipeline_options import PipelineOptions

from affinity_seg import files, labels
from affinity_seg.beam import collecting, running
from affinity_seg.beam.elements import LetterBox
from affinity_seg.beam.sources import LETTERS, with_letters
from affinity_seg.data import checks, tfrecords, training_sets
from affinity_seg.data.listing import Item
from affinity_seg.data.training_sets import Crop

Part = tuple[Item, Crop | None]
"""An example: a part of an image, or for None all of it."""


class Preparation(NamedTuple):
    """A set of TFRecords to be written.

    Attributes:
      name: First part of the shards' names: a split, or one of `training_sets.SETS`.
      items: Images with truth, see `listing.list_labelled_images`.
      class_table: What the instance images may hold.
      output_dir: Folder of the shards.
      num_shards: Number of shards.
      settings: How images become a training set; None: the images as they are.
      strict: Whether the first image that cannot be used ends the pipeline.
    """

    name: str
    items: Sequence[Item]
    class_table: labels.ClassTable
    output_dir: str
    num_shards: int
    settings: training_sets.Settings | None = None
    strict: bool = False

    @property
    def staging_dir(self) -> str:
        """Folder in which the shards wait for each other."""
        return os.path.join(self.output_dir, f".beam-{self.name}")


class Shard(NamedTuple):
    """A shard to be written.

    Attributes:
      path: Its file in the end.
      parts: Its examples in their order.
    """

    path: str
    parts: list[Part]


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

    Example i goes to shard i modulo `num_shards`; one that cannot be used is left out of its
    shard, and the others stay where they are.

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
    letters = []
    if preparation.settings is not None and training_sets.has_crops(preparation.name):
        items = pipeline | "List" >> beam.Create(preparation.items) | "Spread" >> beam.Reshuffle()
        cropped = items | "Crops" >> with_letters(FindCrops(preparation))
        letters.append(cropped[LETTERS])
        crops = cropped.main | "AllCrops" >> beam.combiners.ToList()
    else:
        crops = pipeline | "NoCrops" >> beam.Create([[]])
    planned = crops | "Plan" >> beam.FlatMap(plan_shards, preparation)
    shards = planned | "SpreadShards" >> beam.Reshuffle()
    written = shards | "Write" >> with_letters(WriteShard(preparation))
    letters.append(written[LETTERS])
    found = written.main | "AllShards" >> beam.combiners.ToList()
    _ = found | "Publish" >> beam.Map(publish, preparation)
    all_letters = letters | "Letters" >> beam.Flatten() | beam.combiners.ToList()
    _ = all_letters | "WriteLetters" >> beam.Map(collecting.write_letters, preparation.output_dir)


class FindCrops(beam.DoFn):
    """Finds the crops that a set of patches may have."""

    def __init__(self, preparation: Preparation):
        self._preparation = preparation._replace(items=())

    def process(self, item: Item) -> Iterator[Any]:
        """Yields `Crop`s; tagged, a `Letter`."""
        wanted = self._preparation
        box = LetterBox(wanted.strict)
        with box.listed(item.name, item.instance_path):
            yield from training_sets.crops_of_image(
                wanted.name, item, wanted.class_table, wanted.settings
            )
        for letter in box.take():
            yield beam.pvalue.TaggedOutput(LETTERS, letter)


def plan_shards(crops: Iterable[Crop], preparation: Preparation) -> list[Shard]:
    """Returns the shards of a set.

    Raises:
      ValueError: There is nothing to cut, or more shards than examples are wanted of a split.
    """
    wanted = preparation
    if wanted.settings is None:
        parts: list[Part] = [(item, None) for item in wanted.items]
        count = wanted.num_shards
    else:
        parts = training_sets.plan(wanted.name, wanted.items, crops, wanted.settings)
        if not parts:
            raise ValueError(f"nothing to cut for the set {wanted.name}")
        count = min(wanted.num_shards, len(parts))
    paths = tfrecords.shard_paths(wanted.output_dir, wanted.name, count, len(parts))
    return [Shard(path, parts[i::count]) for i, path in enumerate(paths)]


class WriteShard(beam.DoFn):
    """Writes a shard to the staging folder; written again, it is the same."""

    def __init__(self, preparation: Preparation):
        self._preparation = preparation._replace(items=())

    def process(self, shard: Shard) -> Iterator[Any]:
        """Yields path, number of examples and what they hold; tagged, `Letter`s."""
        box = LetterBox(self._preparation.strict)
        found, count = tfrecords.Found.nothing(), 0
        staged = os.path.join(self._preparation.staging_dir, os.path.basename(shard.path))
        with files.atomic_path(staged) as temporary, tf.io.TFRecordWriter(temporary) as writer:
            for checked in self._examples(shard, box):
                writer.write(tfrecords.serialize(checked))
                found.add(checked)
                count += 1
        yield shard.path, count, found
        for letter in box.take():
            yield beam.pvalue.TaggedOutput(LETTERS, letter)

    def _examples(self, shard: Shard, box: LetterBox) -> Iterator[checks.CheckedItem]:
        """Yields what can be used; parts of one image follow each other."""
        wanted = self._preparation
        opened = None
        for item, part in shard.parts:
            checked = None
            with box.listed(item.name, item.image_path):
                if wanted.settings is None:
                    checked = checks.read_item(item, wanted.class_table)
                else:
                    if opened is None or opened.item != item:
                        opened = training_sets.OpenedImage(
                            item, wanted.class_table, wanted.settings
                        )
                    checked = opened.cut(part)
            if checked is not None:
                yield checked


def publish(shards: Sequence[tuple[str, int, tfrecords.Found]], preparation: Preparation) -> None:
    """Replaces the older shards of the set by the new ones, and counts what they hold.

    Raises:
      ValueError: There is no instance at all.
    """
    total = tfrecords.Found.nothing()
    for _, _, found in shards:
        total.add(found)
    folder = os.path.dirname(preparation.items[0].instance_path)
    total.require_instances(folder, preparation.class_table)
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
        ("examples", {0: sum(count for _, count, _ in shards)}),
        ("shards", {0: len(shards)}),
    ):
        for index, number in counted.items():
            Metrics.counter(running.COUNTERS, f"{kind} {index}").inc(int(number))


def _staged(path: str, preparation: Preparation) -> str:
    return os.path.join(preparation.staging_dir, os.path.basename(path))
