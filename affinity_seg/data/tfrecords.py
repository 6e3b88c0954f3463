"""Writes data sets as sharded TFRecords."""

import contextlib
import functools
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import tensorflow as tf
import tqdm

from affinity_seg import common, files, labels
from affinity_seg.data import checks, layouts, mask_checks, tf_examples, tiles
from affinity_seg.data.items import Item
from affinity_seg.data.object_masks import Overlaps
from affinity_seg.rejected_inputs import RejectedInputs

_SHARD = re.compile(r"(.*)-\d{5}-of-(\d{5})\.tfrecord", re.DOTALL)
"""A shard's prefix and the number of shards of its set."""


class Summary(NamedTuple):
    """Summary of a written set.

    Attributes:
      count: Number of images.
      paths: The shards.
      pixels_of_class: Pixels of each class index; `labels.VOID_CLASS` counts void.
      instances_of_class: Instances of each class index.
      overlaps: What became of overlapping masks; None where masks cannot overlap.
    """

    count: int
    paths: list[str]
    pixels_of_class: Counter
    instances_of_class: Counter
    overlaps: Overlaps | None


class Found(NamedTuple):
    """Counts over checked images.

    Attributes:
      pixels_of_class: Pixels of each class index; `labels.VOID_CLASS` counts void.
      instances_of_class: Instances of each class index.
      values: Values of the instance images.
      shapes: Measures of the instances of each image, by the name of the image.
      overlaps: What became of overlapping masks of each image, by the name of the image.
    """

    pixels_of_class: Counter
    instances_of_class: Counter
    values: set[int]
    shapes: dict[str, mask_checks.MaskShapes]
    overlaps: dict[str, Overlaps]

    @classmethod
    def nothing(cls) -> "Found":
        """Returns the counts of no image."""
        return cls(Counter(), Counter(), set(), {}, {})

    def add(self, other: "Found | checks.CheckedItem") -> None:
        """Adds the counts of an image, or of several images."""
        self.pixels_of_class.update(other.pixels_of_class)
        self.instances_of_class.update(other.instances_of_class)
        self.values.update(map(int, other.values))
        if isinstance(other, Found):
            self.shapes.update(other.shapes)
            self.overlaps.update(other.overlaps)
            return
        self.shapes[other.item.name] = other.shapes
        if other.overlaps is not None:
            self.overlaps[other.item.name] = other.overlaps

    def sum_of_overlaps(self) -> Overlaps | None:
        """Returns what became of overlapping masks; None where masks cannot overlap."""
        if not self.overlaps:
            return None
        return functools.reduce(Overlaps.plus, (one for _, one in sorted(self.overlaps.items())))

    def check(
        self,
        folder: str,
        count: int,
        class_table: labels.ClassTable,
        allowed: Collection[str] = (),
    ) -> None:
        """Checks the data set as a whole.

        Args:
          folder: Folder of the instance images, for messages.
          count: Number of images.
          class_table: The classes.
          allowed: Some of `mistakes.NAMES`, which are warnings instead of errors.

        Raises:
          ValueError: There is no instance at all, or ids cannot be objects.
        """
        if not self.instances_of_class:
            if class_table.encoding == "ids" and self.values <= {0}:
                raise ValueError(
                    f"{folder}: the truth of all {count} images is empty: every pixel is 0, the "
                    "background; each object must have a number from 1 on"
                )
            raise ValueError(
                f"{folder}: class table {class_table.name!r} with "
                f"`encoding` {class_table.encoding!r} finds no instance in {count} images; give "
                "the table of these images as `--class_table`, e.g. `nuclei` for one class; "
                f"values of their instance images: {sorted(self.values)[:10]}"
            )
        mask_checks.check(
            folder, self.shapes.values(), class_table, allowed, has_ids=not self.overlaps
        )


def write_tfrecords(
    items: Sequence[Item],
    class_table: labels.ClassTable,
    output_dir: str,
    split: str,
    num_shards: int,
    rejected: RejectedInputs | None = None,
    allowed: Collection[str] = (),
) -> Summary:
    """Checks the images and writes them to `<output_dir>/<split>-%05d-of-%05d.tfrecord`.

    Image i of those that can be used goes to shard i modulo `num_shards`, see `serialize`.
    After the last image was checked and written, the older shards of the split are removed and the
    new ones are renamed to their final names. Old and new shards are never mixed.

    Args:
      items: Images with ground truth, see `listing.list_labelled_images`.
      class_table: The classes that the instance images may have.
      output_dir: Folder of the shards; older shards of the same split are removed from it.
      split: First part of the shards' names.
      num_shards: Number of shards, 1 to the number of images.
      rejected: Lists the images that cannot be used; without it, the first of them is raised.
      allowed: Some of `mistakes.NAMES`, which are warnings instead of errors.

    Raises:
      FileNotFoundError: A file is missing.
      ValueError: An argument or a file breaks a rule, there is no instance at all, or ids cannot
        be objects.
    """
    examples = checks.read_items(items, class_table, rejected)
    return write_examples(examples, len(items), class_table, output_dir, split, num_shards, allowed)


def write_examples(
    examples: Iterable[checks.CheckedItem],
    count: int,
    class_table: labels.ClassTable,
    output_dir: str,
    split: str,
    num_shards: int,
    allowed: Collection[str] = (),
) -> Summary:
    """Writes checked images as `write_tfrecords` does.

    Args:
      examples: The images, at most `count`.
      count: Number of images, with those that cannot be used.

    The other arguments and the errors are those of `write_tfrecords`.
    """
    with pending_examples(
        examples, count, class_table, output_dir, split, num_shards, allowed
    ) as summary:
        return summary


@contextlib.contextmanager
def pending_examples(
    examples: Iterable[checks.CheckedItem],
    count: int,
    class_table: labels.ClassTable,
    output_dir: str,
    split: str,
    num_shards: int,
    allowed: Collection[str] = (),
) -> Iterator[Summary]:
    """Writes checked images to shards that are renamed when the body ends without an error.

    So several sets can be renamed together, or none of them. If the body raises, the new shards are
    removed and the older ones are kept. Arguments and errors are those of `write_examples`.
    """
    paths = shard_paths(output_dir, split, num_shards, count)
    files.remove_leftovers(output_dir)
    found, number = Found.nothing(), 0
    with contextlib.ExitStack() as shards:
        temporary = [shards.enter_context(files.atomic_path(path)) for path in paths]
        with contextlib.ExitStack() as open_files:
            writers = [open_files.enter_context(tf.io.TFRecordWriter(path)) for path in temporary]
            progress = tqdm.tqdm(examples, total=count, unit="image", desc=split, disable=None)
            for i, checked in enumerate(progress):
                folder = os.path.dirname(checked.item.truth_path)
                number = i + 1
                found.add(checked)
                writers[i % num_shards].write(serialize(checked))
        if not number:
            raise ValueError(f"{output_dir}: none of the {count} images of {split} can be used")
        found.check(folder, number, class_table, allowed)
        yield Summary(
            number,
            paths,
            found.pixels_of_class,
            found.instances_of_class,
            found.sum_of_overlaps(),
        )
        remove_shards(output_dir, split)


def shard_paths(output_dir: str, split: str, num_shards: int, count: int) -> list[str]:
    """Returns the paths of the shards of a set of `count` examples.

    Raises:
      ValueError: An argument breaks a rule of `write_tfrecords`.
    """
    layouts.check_split(split)
    if not 1 <= num_shards <= count:
        raise ValueError(
            f"`num_shards` must be in [1, {count}], the number of images: {num_shards}"
        )
    return [
        os.path.join(output_dir, f"{split}-{i:05d}-of-{num_shards:05d}.tfrecord")
        for i in range(num_shards)
    ]


def require_shards(pattern: str) -> None:
    """Checks that TFRecord files exist, no shard of a set is missing, and not all are empty.

    Raises:
      FileNotFoundError: No file matches `pattern`, shards of a set are missing, or all are empty.
    """
    paths = tf.io.gfile.glob(pattern)
    if not paths:
        raise FileNotFoundError(f"`input_path` must match TFRecord files: {pattern}")
    sets = {(m[1], m[2]) for m in map(_SHARD.fullmatch, paths) if m}
    for prefix, count in sorted(sets):
        wanted = [f"{prefix}-{i:05d}-of-{count}.tfrecord" for i in range(int(count))]
        missing = [path for path in wanted if not tf.io.gfile.exists(path)]
        if missing:
            raise FileNotFoundError(
                f"{len(missing)} of {len(wanted)} shards are missing, e.g. {missing[0]}; "
                "run `affinity_seg prepare` again"
            )
    if not any(tf.io.gfile.stat(path).length for path in paths):
        raise FileNotFoundError(
            f"`input_path` must match TFRecord files with records: {pattern} matches {len(paths)}, "
            "all of 0 bytes"
        )


def find_shards(folder: str, split: str) -> list[str]:
    """Returns the paths of all shards of a split in a folder, which must exist."""
    matches = filter(None, map(_SHARD.fullmatch, sorted(os.listdir(folder))))
    return [os.path.join(folder, match[0]) for match in matches if match[1] == split]


def remove_shards(output_dir: str, split: str) -> None:
    """Removes the shards of an earlier run."""
    for path in find_shards(output_dir, split):
        os.remove(path)


def serialize(checked: checks.CheckedItem) -> bytes:
    """Returns the record of an image, from which `graph_examples` reads windows of it.

    Image and instance image are cut into tiles without loss. A JPEG keeps its bytes: it is many
    times smaller than its tiles, and a window of it takes less time to decode.
    """
    height, width = checked.instances.shape
    tile_height, tile_width = tiles.size_of(height, width)
    is_jpeg = checked.jpeg is not None
    image = [checked.jpeg] if is_jpeg else tiles.encode_image(checked.image)
    values, counts = tiles.count_values(checked.instances)
    features = {
        common.IMAGE_ENCODED: tf_examples.of_bytes(*image),
        common.IMAGE_FORMAT: tf_examples.of_bytes(b"jpeg" if is_jpeg else b"png"),
        common.IMAGE_FILENAME: tf_examples.of_bytes(checked.item.filename.encode()),
        common.IMAGE_SHA256: tf_examples.of_bytes(checked.sha256.encode()),
        common.IMAGE_HEIGHT: tf_examples.of_ints(height),
        common.IMAGE_WIDTH: tf_examples.of_ints(width),
        common.IMAGE_HISTOGRAM: tf_examples.of_ints(*tiles.histograms(checked.image).ravel()),
        common.TILE_HEIGHT: tf_examples.of_ints(tile_height),
        common.TILE_WIDTH: tf_examples.of_ints(tile_width),
        common.INSTANCE_ENCODED: tf_examples.of_bytes(*tiles.encode_ids(checked.instances)),
        common.INSTANCE_VALUES: tf_examples.of_ints(*values),
        common.INSTANCE_COUNTS: tf_examples.of_ints(*counts.ravel()),
    }
    return tf_examples.serialize(features)
