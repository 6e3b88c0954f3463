"""Reads the examples of `data.tfrecords` inside a graph: windows of images, or whole images."""

from collections.abc import Sequence

import tensorflow as tf

from affinity_seg import common
from affinity_seg.data import exif, graph_pictures
from affinity_seg.data.picture_files import PNG_MAGIC

_PNG_SIZE_AT = 16
"""Offset of width and height in a PNG's header, 4 bytes each, highest byte first."""

_JPEG_MARGIN = 32
"""Pixels, as many as the largest block of a JPEG has."""

_STRING = tf.io.FixedLenFeature([], tf.string)
_INTEGER = tf.io.FixedLenFeature([], tf.int64)
_STRINGS = tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True)
_INTEGERS = tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True)

FEATURES = {
    common.IMAGE_ENCODED: _STRINGS,
    common.IMAGE_FORMAT: _STRING,
    common.IMAGE_FILENAME: _STRING,
    common.IMAGE_SHA256: _STRING,
    common.IMAGE_HEIGHT: _INTEGER,
    common.IMAGE_WIDTH: _INTEGER,
    common.IMAGE_HISTOGRAM: _INTEGERS,
    common.TILE_HEIGHT: _INTEGER,
    common.TILE_WIDTH: _INTEGER,
    common.INSTANCE_ENCODED: _STRINGS,
    common.INSTANCE_VALUES: _INTEGERS,
    common.INSTANCE_COUNTS: _INTEGERS,
}
"""The features that an example must have."""


def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Parses one example; no picture is decoded.

    Returns:
      {"image": string [tiles] or, of a JPEG, [1], "is_jpeg": bool scalar,
      "instances": string [tiles], "filename": string scalar, "sha256": string scalar,
      "size": int32 [2], "tile": int32 [2], height and width of the image and of its tiles,
      "histogram": int32 [1, 256], values of all pixels and channels of an RGB image; of an image
      with another number of channels [C, 256], those of each channel,
      "values": int32 [V], values of the instance image,
      "counts": int32 [rows of tiles, V], pixels of each value in each row of tiles}

    Raises:
      tf.errors.InvalidArgumentError: It is not an example of this version, is incomplete, or its
        size is not allowed.
    """
    example = tf.io.parse_single_example(serialized, FEATURES)
    name = example[common.IMAGE_FILENAME]
    size, tile = (
        tf.cast(tf.stack([example[height], example[width]]), tf.int32)
        for height, width in (
            (common.IMAGE_HEIGHT, common.IMAGE_WIDTH),
            (common.TILE_HEIGHT, common.TILE_WIDTH),
        )
    )
    is_jpeg = tf.equal(example[common.IMAGE_FORMAT], "jpeg")
    with tf.control_dependencies([graph_pictures.check_size(size, [name])]):
        fits = tf.debugging.Assert(
            tf.reduce_all((tile > 0) & (tile <= size)),
            ["tiles must lie in their image:", name, "[height width]", tile, size],
        )
    with tf.control_dependencies([fits]):
        tile = tf.identity(tile)
        rows, columns = tf.unstack(-(-size // tile))
    values = tf.cast(example[common.INSTANCE_VALUES], tf.int32)
    image, instances = example[common.IMAGE_ENCODED], example[common.INSTANCE_ENCODED]
    counts = example[common.INSTANCE_COUNTS]
    histogram = tf.cast(example[common.IMAGE_HISTOGRAM], tf.int32)
    planes = tf.where(is_jpeg, 1, tf.maximum(tf.size(histogram) // 256, 1))
    found = tf.stack([tf.size(image), tf.size(instances), tf.size(counts), tf.size(histogram)])
    wanted = tf.stack(
        [
            tf.where(is_jpeg, 1, rows * columns * planes),
            rows * columns,
            rows * tf.size(values),
            256 * planes,
        ]
    )
    whole = tf.debugging.Assert(
        tf.reduce_all(tf.equal(found, wanted)),
        ["must have a picture for each tile:", name, "there are", found, "wanted", wanted],
    )
    with tf.control_dependencies([whole]):
        image, instances = tf.identity(image), tf.identity(instances)
        counts = tf.reshape(tf.cast(counts, tf.int32), [rows, tf.size(values)])
        histogram = tf.reshape(histogram, [planes, 256])
    return {
        "image": image,
        "is_jpeg": is_jpeg,
        "instances": instances,
        "filename": name,
        "sha256": example[common.IMAGE_SHA256],
        "size": size,
        "tile": tile,
        "histogram": histogram,
        "values": values,
        "counts": counts,
    }


def decode(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Decodes one example.

    Returns:
      {"image": uint8 [H, W, C], "instances": uint16 [H, W], pixels as stored on disk,
      "filename": string scalar, "sha256": string scalar}

    Raises:
      tf.errors.InvalidArgumentError: As `parse` and `read_image`.
    """
    example = parse(serialized)
    window = tf.zeros([2], tf.int32), example["size"]
    return {
        "image": read_image(example, *window),
        "instances": read_instances(example, *window),
        "filename": example["filename"],
        "sha256": example["sha256"],
    }


def read_image(example: dict[str, tf.Tensor], start: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Decodes a window of the image of an example.

    Args:
      example: As `parse` returns.
      start: int32 [2], row and column of the window.
      size: int32 [2], its height and width; it lies in the image.

    Returns:
      uint8 [height, width, C]; RGB, or as many channels as the image has.

    Raises:
      tf.errors.InvalidArgumentError: A needed part of the image is damaged, truncated, or has
        another size than in the example.
    """
    where = ["image", example["filename"]]
    pixels = tf.cond(
        example["is_jpeg"],
        lambda: _read_jpeg(example, start, size, where),
        lambda: tf.cond(
            tf.equal(tf.shape(example["histogram"])[0], 1),
            lambda: _read_tiles(example, "image", start, size, 3, tf.uint8, where),
            lambda: _read_planes(example, start, size, where),
        ),
    )
    return tf.ensure_shape(pixels, [None, None, None])


def read_instances(example: dict[str, tf.Tensor], start: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Decodes a window of the instance image of an example, as `read_image` does of its image.

    Returns:
      uint16 [height, width], pixels as stored on disk.
    """
    where = ["instance image of", example["filename"]]
    return _read_tiles(example, "instances", start, size, 1, tf.uint16, where)[..., 0]


def _read_planes(
    example: dict[str, tf.Tensor],
    start: tf.Tensor,
    size: tf.Tensor,
    where: Sequence[str | tf.Tensor],
) -> tf.Tensor:
    """Decodes a window of an image whose channels are stored one after the other."""
    count = tf.shape(example["histogram"])[0]
    planes = tf.map_fn(
        lambda tiles: _read_tiles(
            {**example, "image": tiles}, "image", start, size, 1, tf.uint8, where
        )[..., 0],
        tf.reshape(example["image"], [count, -1]),
        fn_output_signature=tf.TensorSpec([None, None], tf.uint8),
    )
    return tf.transpose(planes, [1, 2, 0])


def _read_tiles(
    example: dict[str, tf.Tensor],
    key: str,
    start: tf.Tensor,
    size: tf.Tensor,
    channels: int,
    dtype: tf.DType,
    where: Sequence[str | tf.Tensor],
) -> tf.Tensor:
    """Decodes the tiles that a window touches, and assembles the window."""
    tile = example["tile"]
    total_columns = -(-example["size"][1] // tile[1])
    first, last = start // tile, (start + size - 1) // tile
    rows, columns = tf.range(first[0], last[0] + 1), tf.range(first[1], last[1] + 1)
    needed = tf.gather(example[key], tf.reshape(rows[:, None] * total_columns + columns, [-1]))
    tiles = tf.map_fn(
        lambda content: tf.io.decode_png(content, channels, dtype),
        _check_sizes(needed, tile, where),
        fn_output_signature=tf.TensorSpec([None, None, channels], dtype),
    )
    # Row y of the window is row y % tile height of all tiles of a row of tiles, side by side.
    lines = tf.reshape(tiles, [-1, tile[1] * channels])
    y = start[0] - first[0] * tile[0] + tf.range(size[0])
    firsts = (y // tile[0] * tf.size(columns) * tile[0] + y % tile[0])[:, None]
    joined = tf.gather(lines, firsts + tf.range(tf.size(columns)) * tile[0])
    left = start[1] - first[1] * tile[1]
    joined = tf.reshape(joined, [size[0], tf.size(columns) * tile[1], channels])
    return joined[:, left : left + size[1]]


def _read_jpeg(
    example: dict[str, tf.Tensor],
    start: tf.Tensor,
    size: tf.Tensor,
    where: Sequence[str | tf.Tensor],
) -> tf.Tensor:
    """Decodes a window of a JPEG, to the pixels that decoding all of it gives there."""
    content, whole = example["image"][0], example["size"]
    shape = tf.image.extract_jpeg_shape(content)[:2]
    # Colours at the border of what is decoded lack the neighbours they are interpolated from.
    low = tf.maximum(start - _JPEG_MARGIN, 0)
    high = tf.minimum(start + size + _JPEG_MARGIN, whole)
    with tf.control_dependencies([_assert_size(shape, whole, where)]):
        part = tf.io.decode_and_crop_jpeg(content, tf.concat([low, high - low], 0), channels=3)
    (y0, x0), (height, width) = tf.unstack(start - low), tf.unstack(size)
    return part[y0 : y0 + height, x0 : x0 + width]


def _check_sizes(
    contents: tf.Tensor, size: tf.Tensor, where: Sequence[str | tf.Tensor]
) -> tf.Tensor:
    """Returns PNG files, string [N], after checking the size in their headers, before decoding."""
    is_png = tf.equal(tf.strings.substr(contents, 0, len(PNG_MAGIC)), PNG_MAGIC)
    whole = tf.strings.substr(contents, 0, _PNG_SIZE_AT + 8) + b"\0" * (_PNG_SIZE_AT + 8)
    sides = tf.io.decode_raw(tf.strings.substr(whole, _PNG_SIZE_AT, 8), tf.uint8)
    found = exif.number(tf.cast(tf.reshape(sides, [-1, 2, 4]), tf.int64))[:, ::-1]
    wrong = tf.logical_not(is_png) | tf.reduce_any(tf.not_equal(found, tf.cast(size, tf.int64)), 1)
    first = tf.boolean_mask(found, wrong)[:1]
    message = ["a tile must be a PNG file of its record's size:", *where, "[height width]", first]
    fits = tf.debugging.Assert(tf.logical_not(tf.reduce_any(wrong)), [*message, size])
    with tf.control_dependencies([fits]):
        return tf.identity(contents)


def _assert_size(
    found: tf.Tensor, size: tf.Tensor, where: Sequence[str | tf.Tensor]
) -> tf.Operation:
    return tf.debugging.Assert(
        tf.reduce_all(tf.equal(found, size)),
        ["must have the size of its record:", *where, "[height width]", found, size],
    )
