"""Where the images of a pipeline come from: listed files, or a data set's TFRecords."""

import glob
import itertools
import os
from collections.abc import Iterable, Iterator

import apache_beam as beam
import tensorflow as tf
from google.protobuf.message import DecodeError

from affinity_seg import common, names
from affinity_seg.beam.elements import Source
from affinity_seg.beam.steps import Step, StepSettings
from affinity_seg.data import image_names, layouts, listing, plane_choice, record_damage
from affinity_seg.data.items import Item
from affinity_seg.data.plane_choice import PlaneChoice
from affinity_seg.data.tf_examples import Example
from affinity_seg.rejected_inputs import RejectedInputs

TFRECORDS = layouts.SOURCE_LAYOUTS[-1]


def list_sources(
    path: str, layout: str, split: str, choice: PlaneChoice = plane_choice.ALL
) -> list[Source] | list[str]:
    """Lists what the pipeline begins with, sorted.

    Args:
      path: Folder of the data set, or the pattern.
      layout: One of `layouts.SOURCE_LAYOUTS`.
      split: Part of the data set, for layout `cityscapes`.
      choice: Page and channels of each image's file; none in TFRecords.

    Returns:
      The images; for layout `tfrecords` the paths of the files.

    Raises:
      FileNotFoundError: There is nothing.
      ValueError: An argument breaks its rule, or two images have the same name.
    """
    if layout == TFRECORDS:
        if choice != plane_choice.ALL:
            raise ValueError(f"`page` and `channels` must not be given for `--layout={layout}`")
        return _matches(path)
    if layout == "glob":
        return [
            Source(item._replace(choice=choice)) for item in listing.list_pictures(_matches(path))
        ]
    return [Source(item) for item in listing.list_images(path, layout, split, choice=choice)]


class ReadSources(beam.PTransform):
    """Spreads what `list_sources` has listed over the workers.

    Returns:
      A pair: `Source`s, and `RejectedInput`s of what cannot be read.
    """

    def __init__(self, listed: list[Source] | list[str], settings: StepSettings):
        super().__init__()
        self._listed = listed
        self._settings = settings

    def expand(self, pipeline: beam.Pipeline):
        listed = pipeline | "List" >> beam.Create(self._listed, reshuffle=False)
        spread = listed | "Spread" >> beam.Reshuffle()
        if isinstance(self._listed[0], Source):
            return spread, pipeline | "NoRejected" >> beam.Create([])
        read = spread | "ReadRecords" >> Step(read_records, self._settings).split()
        # Spreads them as well, for the key of an image is its name.
        named = read.main | "Named" >> beam.WithKeys(lambda source: source.item.name)
        grouped = named | "SameNames" >> beam.GroupByKey()
        unique = grouped | "Unique" >> Step(take_unique, self._settings).split()
        return unique.main, (read.rejected, unique.rejected) | "Unreadable" >> beam.Flatten()


def read_records(path: str, rejected: RejectedInputs) -> Iterator[Source]:
    """Yields the images of a TFRecord file, up to the first record that is damaged."""
    records = tf.data.TFRecordDataset(path).as_numpy_iterator()
    for index in itertools.count():
        where = f"{path}#{index}"
        record = None
        with rejected.listed(os.path.basename(where), path):
            record = _next(records, where)
        if record is None:
            return
        with rejected.listed(os.path.basename(where), path):
            yield _source(where, record)


def take_unique(named: tuple[str, Iterable[Source]], rejected: RejectedInputs) -> Iterator[Source]:
    """Yields the first of the images that have the same name, and lists the others."""
    name, sources = named
    first, *others = sorted(sources, key=lambda source: source.item.image_path)
    yield first
    for path in (other.item.image_path for other in others):
        with rejected.listed(path, path):
            raise ValueError(
                f"names of images must differ: {names.escaped(first.item.image_path)} and "
                f"{names.escaped(path)}: {name!r}"
            )


def _next(records: Iterator[bytes], where: str) -> bytes | None:
    """Returns the next record of a file, None at its end."""
    try:
        return next(records, None)
    except tf.errors.OpError as error:
        raise ValueError(
            f"{where}: the record is damaged or cut off, it and the rest of the file are left out"
        ) from error


def _source(where: str, record: bytes) -> Source:
    """Returns the image of a record, as `affinity_seg prepare` wrote it."""
    try:
        missing = record_damage.missing_features(record)
        if missing:
            raise ValueError(f"features are missing: {missing}")
        filename = Example(record).bytes(common.IMAGE_FILENAME).decode()
    except (DecodeError, ValueError) as error:  # A UnicodeDecodeError is a ValueError.
        raise ValueError(
            f"{where}: must be an image as `affinity_seg prepare` writes it: {error}"
        ) from error
    name = names.check(image_names.name_of(filename), where)
    return Source(Item(name, filename, where, None), record)


def _matches(pattern: str) -> list[str]:
    """Returns the files that match a pattern, sorted."""
    found = sorted(filter(os.path.isfile, glob.glob(pattern, recursive=True)))
    if not found:
        raise FileNotFoundError(f"`input` must match files: {pattern}")
    return found
