"""Finds the damage in TFRecord files of a data set, or in single records.

Records are read inside graphs (`graph_examples`), whose errors name no file. So after an error this
module reads the files again, record by record, to name the damaged one.
"""

import contextlib
from collections.abc import Iterator

import tensorflow as tf
from google.protobuf.message import DecodeError

from affinity_seg import common
from affinity_seg.data import graph_examples, picture_headers
from affinity_seg.data.tf_examples import Example

_LISTS = {tf.string: "bytes_list", tf.int64: "int64_list"}
"""The field of `tf.train.Feature` that holds the values of a type."""


@contextlib.contextmanager
def damage_named(pattern: str) -> Iterator[None]:
    """Turns TensorFlow's error about damaged data into a ValueError that names the file.

    Args:
      pattern: Files that the body reads.

    Raises:
      ValueError: A file is damaged, truncated, has a damaged picture, or was written by an older
        version.
    """
    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
        for path in sorted(tf.io.gfile.glob(pattern)):
            fault = _file_fault(path)
            if fault is not None:
                raise ValueError(f"{path}: {fault}") from error
        raise


@contextlib.contextmanager
def record_named(name: str, record: bytes) -> Iterator[None]:
    """Turns TensorFlow's error about one record into a ValueError that begins with `name`."""
    try:
        yield
    except tf.errors.OpError as error:
        fault = find_fault(record) or "it cannot be read"
        raise ValueError(f"{name}: the record is damaged: {fault}") from error


def missing_features(serialized: bytes) -> list[str]:
    """Returns the names of features that an example of another version or source lacks.

    A feature of another type than `graph_examples.FEATURES` says is lacking.

    Raises:
      DecodeError: It is not an example.
    """
    feature = tf.train.Example.FromString(serialized).features.feature
    return [
        name
        for name, wanted in graph_examples.FEATURES.items()
        if name not in feature or not getattr(feature[name], _LISTS[wanted.dtype]).value
    ]


def find_fault(serialized: bytes) -> str | None:
    """Returns the fault of one record, None if it can be read."""
    return _older_version(serialized) or _damage(serialized)


def _older_version(serialized: bytes) -> str | None:
    """Returns what a whole record of an older version lacks, None for any other record."""
    try:
        missing = missing_features(serialized)
    except DecodeError:
        return None
    return f"must hold {', '.join(missing)}; run `affinity_seg prepare` again" if missing else None


def _damage(serialized: bytes) -> str | None:
    """Returns the damage of a record of this version, None if it can be read."""
    try:
        example = Example(serialized)
    except DecodeError:
        return "it is no tf.train.Example"
    name = example.bytes(common.IMAGE_FILENAME).decode("utf-8", "replace")
    height, width = size = example.int(common.IMAGE_HEIGHT), example.int(common.IMAGE_WIDTH)
    tile = example.int(common.TILE_HEIGHT), example.int(common.TILE_WIDTH)
    try:
        picture_headers.check_size(name, height, width)
    except ValueError as error:
        return str(error)
    if not all(0 < part <= whole for part, whole in zip(tile, size, strict=True)):
        return f"tiles must lie in their image, {size}: {name}: {tile}"
    rows, columns = (-(-whole // part) for part, whole in zip(tile, size, strict=True))
    is_jpeg = example.bytes(common.IMAGE_FORMAT) == b"jpeg"
    values = len(example.ints(common.INSTANCE_VALUES))
    counted = len(example.ints(common.IMAGE_HISTOGRAM))
    planes = 1 if is_jpeg else max(counted // 256, 1)
    for key, read, wanted in (
        (common.IMAGE_ENCODED, example.all_bytes, 1 if is_jpeg else rows * columns * planes),
        (common.INSTANCE_ENCODED, example.all_bytes, rows * columns),
        (common.INSTANCE_COUNTS, example.ints, rows * values),
        (common.IMAGE_HISTOGRAM, example.ints, 256 * planes),
    ):
        count = len(read(key))
        if count != wanted:
            return f"`{key}` must have {wanted} entries: {name}: {count}"
    for what, key, is_tiled in (
        ("image", common.IMAGE_ENCODED, not is_jpeg),
        ("instance image of", common.INSTANCE_ENCODED, True),
    ):
        for content in example.all_bytes(key) if is_tiled else ():
            found = _png_size(content)
            if found != tile:
                return (
                    f"a tile must be a PNG file of its record's size, {tile}: {what} {name}: "
                    f"{found}"
                )
    try:
        graph_examples.decode(tf.constant(serialized))
    except tf.errors.OpError:
        return f"a picture of it is damaged or cut off: {name}"
    return None


def _png_size(content: bytes) -> tuple[int, int] | None:
    """Returns the height and width in a PNG's header, None if it is not a PNG file."""
    try:
        return picture_headers.declared_size("a tile", content, ("PNG",))
    except ValueError:
        return None


def _file_fault(path: str) -> str | None:
    """Returns the fault of a TFRecord file or its examples, None if there is none."""
    try:
        for serialized in tf.data.TFRecordDataset(path).as_numpy_iterator():
            older = _older_version(serialized)
            if older is not None:
                return older
            damage = _damage(serialized)
            if damage is not None:
                return f"the file is damaged: {damage}"
    except tf.errors.OpError:
        return "the file is damaged or cut off"
    return None
