"""Crops of tiles: those of a parser that decodes the whole image first, bit for bit."""

import functools

import cv2
import numpy as np
import pytest
import tensorflow as tf

from affinity_seg import class_tables, labels
from affinity_seg.configs import networks as networks_config
from affinity_seg.configs import training_data
from affinity_seg.data import checks, graph_examples, listing, tfrecords
from affinity_seg.dataloaders import parser
from affinity_seg.modeling import inputs

SIZES = [(150, 270), (128, 256), (129, 257), (20, 31), (300, 129)]
"""Of images: less than a tile, whole tiles, and one pixel more."""


class WholeParser(parser.Parser):
    """Chooses the window from the labels of the whole image."""

    def _start(self, example, size, seed, focus_seed):
        stored, config = example["stored"], self._config
        room = tf.shape(stored) - size
        if not config.is_training:
            return room // 2
        share = tf.random.stateless_uniform([2], seed)
        focused = tf.random.stateless_uniform([], focus_seed) < config.object_crops
        if not focused:
            return _index(share, room + 1)
        classes = tf.gather(self._class_of_instance, tf.cast(stored, tf.int32))
        found = np.unique(classes)
        found = found[found != labels.VOID_CLASS]
        draws = tf.random.stateless_uniform([2], focus_seed + 1)
        chosen = found[_index(draws[0], len(found))] if len(found) else labels.VOID_CLASS
        pixels = tf.where(tf.equal(classes, chosen))
        center = tf.cast(pixels[_index(draws[1], len(pixels))], tf.int32)
        before = tf.cast(share * tf.cast(size, tf.float32), tf.int32)
        return tf.clip_by_value(center - before, 0, room)


def _index(share, count):
    return tf.minimum(tf.cast(share * tf.cast(count, tf.float32), tf.int32), count - 1)


def _cut(pixels, start, size):
    return pixels[start[0] : start[0] + size[0], start[1] : start[1] + size[1]]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Returns a list of (file's bytes, stored ids, record): PNG in colours and grey, and JPEG."""
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("images")
    for part in ("images", "instances"):
        (folder / part).mkdir()
    values = [7, 0, 24001, 26003, 26, 33001, 24002, 11, 27000]
    for number, (height, width) in enumerate(SIZES):
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        image = cv2.GaussianBlur(image, (0, 0), 3)
        blocks = rng.choice(values, (height // 23 + 1, width // 31 + 1))
        stored = np.kron(blocks, np.ones((23, 31)))[:height, :width].astype(np.uint16)
        if number == 4:
            stored[:] = 7  # no instance
        suffix = "jpg" if number == 2 else "png"
        pixels = image[..., 0] if number == 1 else image
        cv2.imwrite(str(folder / "images" / f"{number}.{suffix}"), pixels)
        cv2.imwrite(str(folder / "instances" / f"{number}.png"), stored)
    found = []
    for item in listing.list_labelled_images(str(folder), "folder"):
        checked = checks.read_item(item, class_tables.CITYSCAPES)
        with open(item.image_path, "rb") as file:
            content = file.read()
        stored = cv2.imread(item.truth_path, cv2.IMREAD_UNCHANGED)
        found.append((content, stored, tfrecords.serialize(checked)))
    return found


@pytest.mark.parametrize(
    ("percentiles", "config"),
    [
        ([], {"crop_size": [64, 80]}),
        ([1.0, 99.0], {"crop_size": [200, 200], "random_turn": True}),
        ([], {"crop_size": [97, 128], "scale_min": 0.6, "scale_max": 2.5, "photometric": 0.2}),
        ([1.0, 99.0], {"crop_size": [64, 64], "object_crops": 0.8, "random_turn": True}),
        ([], {"crop_size": [96, 96], "object_crops": 1.0, "scale_max": 2.0}),
        ([1.0, 99.0], {"crop_size": [100, 140], "is_training": False}),
        ([], {"crop_size": [300, 300], "is_training": False}),
    ],
)
def test_crops_equal_those_of_whole_images(images, monkeypatch, percentiles, config):
    config = training_data.DataConfig(**{"is_training": True, **config})
    network = networks_config.Network()
    network.contrast_percentiles = percentiles
    stretch = functools.partial(inputs.stretch_contrast, network)
    new = parser.Parser(config, class_tables.CITYSCAPES, stretch)
    parse = tf.function(lambda seed, record: new(seed, graph_examples.parse(record)))
    whole_parse = WholeParser(config, class_tables.CITYSCAPES)
    differ = 0
    for content, stored, record in images:
        image = stretch(tf.io.decode_image(content, channels=3, expand_animations=False))
        example = graph_examples.parse(record)
        seeds = tf.constant([[seed, 7] for seed in range(3)], tf.int64)
        crops = [parse(seed, tf.constant(record)) for seed in seeds]
        with monkeypatch.context() as patched:
            patched.setattr(
                graph_examples, "read_image", lambda _, *window, image=image: _cut(image, *window)
            )
            patched.setattr(
                graph_examples, "read_instances", lambda e, *window: _cut(e["stored"], *window)
            )
            for seed, crop in zip(seeds, crops, strict=True):
                wanted = whole_parse(seed, {**example, "stored": tf.constant(stored)})
                assert set(crop) == set(wanted)
                for key, value in wanted.items():
                    np.testing.assert_array_equal(crop[key], value)
        differ += (crops[0]["image"].numpy() != crops[1]["image"].numpy()).any()
    assert differ > 2 if config.is_training else differ == 0
