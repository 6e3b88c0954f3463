"""Windows of records: the pixels of the image, and no more of it decoded than they need."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
import training_records

from affinity_seg import class_tables, common
from affinity_seg.data import checks, graph_examples, record_damage, tfrecords, tiles
from affinity_seg.data.items import Item


def _random(height, width, seed=0):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    return image, rng.integers(0, 2**16, (height, width), np.uint16)


def _read(serialized, start, size):
    """Returns a window of image and ids."""
    example = graph_examples.parse(serialized)
    window = tf.constant(start), tf.constant(size)
    return (
        graph_examples.read_image(example, *window).numpy(),
        graph_examples.read_instances(example, *window).numpy(),
    )


@pytest.mark.parametrize(("height", "width"), [(1, 2), (128, 256), (129, 300), (140, 31)])
def test_tiles_are_alike_and_hold_all_pixels(height, width):
    image, stored = _random(height, width)
    tile = tiles.size_of(height, width)
    assert max(tile) <= tiles.SIDE
    encoded = tiles.encode_image(image)
    assert len(encoded) == -(-height // tile[0]) * -(-width // tile[1])
    assert len(encoded) == -(-height // tiles.SIDE) * -(-width // tiles.SIDE)
    assert {cv2.imdecode(np.frombuffer(t, np.uint8), -1).shape for t in encoded} == {(*tile, 3)}
    decoded = graph_examples.decode(training_records.serialize(image, stored))
    np.testing.assert_array_equal(decoded["image"], image)
    np.testing.assert_array_equal(decoded["instances"], stored)


def test_tiles_of_a_grey_image_have_one_channel():
    image = np.repeat(_random(40, 300)[0][..., :1], 3, axis=-1)
    for content in tiles.encode_image(image):
        assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED).ndim == 2
    decoded = graph_examples.decode(training_records.serialize(image, image[..., 0]))
    np.testing.assert_array_equal(decoded["image"], image)
    np.testing.assert_array_equal(decoded["instances"], image[..., 0])  # 8 bits keep their values


def test_values_are_counted_in_each_row_of_tiles():
    stored = np.zeros((200, 30), np.uint16)  # tiles of 100x30
    stored[95:103, 4] = 26001
    values, counts = tiles.count_values(stored)
    assert values.tolist() == [0, 26001]
    assert counts.tolist() == [[2995, 5], [2997, 3]]


def test_a_window_decodes_the_tiles_that_it_touches():
    image, stored = _random(250, 370)  # tiles of 125x124
    record = training_records.serialize(image, stored)
    example = tf.train.Example.FromString(record).features.feature
    encoded = {
        key: list(example[key].bytes_list.value)
        for key in (common.IMAGE_ENCODED, common.INSTANCE_ENCODED)
    }
    assert [len(tiles) for tiles in encoded.values()] == [6, 6]
    inside, touching = ([10, 130], [110, 110]), ([10, 130], [116, 110])
    for key, name in ((common.IMAGE_ENCODED, "image"), (common.INSTANCE_ENCODED, "instance image")):
        broken = [content if i == 1 else content[:60] for i, content in enumerate(encoded[key])]
        damaged = training_records.change(record, {key: broken})
        for pixels, found in zip((image, stored), _read(damaged, *inside), strict=True):
            np.testing.assert_array_equal(found, pixels[10:120, 130:240])
        with pytest.raises(tf.errors.InvalidArgumentError):
            _read(damaged, *touching)
        damaged = training_records.change(record, {key: [*encoded[key][:5], b"tile"]})
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"a tile must be(.|\n)*{name}"):
            graph_examples.decode(damaged)
    found = _read(record, *touching)
    np.testing.assert_array_equal(found[0], image[10:126, 130:240])
    np.testing.assert_array_equal(found[1], stored[10:126, 130:240])


@pytest.mark.parametrize("sampling", ["411", "420", "422", "440", "444"])
@pytest.mark.parametrize("progressive", [0, 1])
def test_a_window_of_a_jpeg_is_that_of_the_whole(sampling, progressive):
    image, stored = _random(150, 190)
    options = [
        cv2.IMWRITE_JPEG_PROGRESSIVE, progressive,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{sampling}"),
    ]  # fmt: skip
    content = cv2.imencode(".jpg", cv2.GaussianBlur(image, (0, 0), 1), options)[1].tobytes()
    whole = tf.io.decode_image(content, channels=3).numpy()
    item = Item("x", "x.jpg", "x.jpg", None)
    checked = checks.from_arrays(item, whole, stored, class_tables.CITYSCAPES)._replace(
        jpeg=content
    )
    record = tfrecords.serialize(checked)
    rng = np.random.default_rng(1)
    for _ in range(15):
        size = rng.integers(1, 100, 2)
        start = rng.integers(0, np.subtract(whole.shape[:2], size) + 1)
        window = tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))
        found = _read(record, start.astype(np.int32), size.astype(np.int32))
        np.testing.assert_array_equal(found[0], whole[window])
        np.testing.assert_array_equal(found[1], stored[window])
    cut_off = training_records.change(record, {common.IMAGE_ENCODED: [content[:-900]]})
    with pytest.raises(tf.errors.InvalidArgumentError):
        graph_examples.decode(cut_off)


def test_records_of_older_versions_are_refused_with_what_to_do(tmp_path):
    record = training_records.serialize(*_random(30, 40))
    older = training_records.change(record, {common.TILE_HEIGHT: None, common.TILE_WIDTH: None})
    path = str(tmp_path / "train-00000-of-00001.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(older)
    message = (
        r"^\S*train-00000-of-00001\.tfrecord: must hold image/tile/height, image/tile/width; "
        r"run `affinity_seg prepare` again$"
    )
    with pytest.raises(ValueError, match=message), record_damage.damage_named(path):
        list(tf.data.TFRecordDataset(path).map(graph_examples.parse))


def test_features_of_another_type_are_missing():
    values = tf.train.Feature(int64_list=tf.train.Int64List(value=[1]))
    features = dict.fromkeys(graph_examples.FEATURES, values)
    record = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    wanted = [n for n, f in graph_examples.FEATURES.items() if f.dtype == tf.string]
    assert record_damage.missing_features(record) == wanted
    assert "must hold" in record_damage.find_fault(record)
