"""The input pipeline: labels as the class table says, image and labels always together."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
import training_records

from affinity_seg import class_tables, common, labels
from affinity_seg.configs import training_data
from affinity_seg.data import graph_examples
from affinity_seg.dataloaders import fingerprints, parser, step_inputs


def parse(image, stored, seed=(1, 2), table=class_tables.CITYSCAPES, **config):
    config = training_data.DataConfig(**{"is_training": True, **config})
    example = graph_examples.parse(training_records.serialize(image, stored))
    crop = parser.Parser(config, table)(tf.constant(seed, tf.int64), example)
    batch = {key: value[None] for key, value in crop.items()}
    image, truth = step_inputs.prepare(batch, table, lambda x: tf.cast(x, tf.float32) - 100.0)
    return image[0].numpy(), {key: value[0].numpy() for key, value in truth.items()}


def marked(height=40, width=60):
    """An image whose red channel is 200 exactly on car 26001, 50 elsewhere."""
    rng = np.random.default_rng(0)
    stored = np.where(rng.random((height, width)) < 0.3, 26001, 0).astype(np.uint16)
    image = np.full((height, width, 3), 50, np.uint8)
    image[stored > 0, 0] = 200
    return image, stored


def test_labels_equal_the_class_tables():
    values = np.array([[0, 3, 7, 11, 24, 26, 29, 26000, 26001, 33999, 29001, 65535]], np.uint16)
    cells = labels.ClassTable("cells", ("background", "cell"), (1,), encoding="ids")
    for table in (class_tables.CITYSCAPES, class_tables.CITYSCAPES_19, cells):
        classes, instances = step_inputs.split_labels(values, table)
        np.testing.assert_array_equal(classes, table.decode(values)[0])
        np.testing.assert_array_equal(instances, table.decode(values)[1])


@pytest.mark.parametrize("seed", [(1, 2), (3, 4), (5, 6), (7, 8)])
def test_image_and_labels_move_together(seed):
    image, truth = parse(*marked(), seed=seed, crop_size=[32, 32])
    np.testing.assert_array_equal(image[..., 0] == 100, truth[common.LABEL_CLASSES] == 3)
    np.testing.assert_array_equal(truth[common.LABEL_INSTANCES] == 26001, image[..., 0] == 100)


def test_crops_and_flips_vary_with_the_seed_and_repeat():
    results = [parse(*marked(), seed=(s, 0), crop_size=[32, 32])[0] for s in (0, 1, 2, 0)]
    np.testing.assert_array_equal(results[0], results[3])
    assert (results[0] != results[1]).any() and (results[1] != results[2]).any()


def test_object_crops_hold_an_instance_of_any_class():
    stored = np.full((96, 160), 7, np.uint16)  # road
    stored[5:8, 150:154] = 24001  # a small person far from a large car
    stored[60:96, 0:80] = 26001
    image = np.zeros((96, 160, 3), np.uint8)
    seen = []
    for s in range(24):
        _, truth = parse(image, stored, seed=(s, 1), crop_size=[32, 32], object_crops=1.0)
        found = set(np.unique(truth[common.LABEL_CLASSES])) - {0}
        assert found and found <= {1, 3}
        seen.append(found.pop())
    assert 6 <= seen.count(1) <= 18


def test_object_crops_of_an_empty_image_are_random():
    image, stored = np.zeros((64, 64, 3), np.uint8), np.full((64, 64), 24, np.uint16)
    _, truth = parse(image, stored, crop_size=[32, 32], object_crops=1.0)
    assert (truth[common.LABEL_CLASSES] == 1).all()  # a group region is no instance


def test_object_crops_of_an_empty_image_differ():
    image = np.arange(160, dtype=np.uint8)[None, :, None] + np.zeros((96, 160, 3), np.uint8)
    lefts = {
        parse(image, np.zeros((96, 160), np.uint16), seed=(s, 3), crop_size=[32, 32],
              object_crops=1.0, random_flip=False)[0][0, 0, 0]
        for s in range(12)
    }  # fmt: skip
    assert len(lefts) > 6


def test_both_flips_occur():
    image, stored = marked(32, 32)
    seen = set()
    for s in range(12):
        result, _ = parse(image, stored, seed=(s, 9), crop_size=[32, 32])
        if (result == image - 100.0).all():
            seen.add("plain")
        elif (result == image[:, ::-1] - 100.0).all():
            seen.add("mirrored")
    assert seen == {"plain", "mirrored"}


def test_all_turns_occur_and_labels_turn_along():
    image, stored = marked(32, 32)
    seen = set()
    for s in range(24):
        result, truth = parse(
            image, stored, seed=(s, 9), crop_size=[32, 32], random_flip=False, random_turn=True
        )
        turns = [k for k in range(4) if (result == np.rot90(image, k) - 100.0).all()]
        assert len(turns) == 1
        np.testing.assert_array_equal(
            truth[common.LABEL_INSTANCES] > 0, np.rot90(stored, turns[0]) > 0
        )
        seen.add(turns[0])
    assert seen == {0, 1, 2, 3}


def test_small_images_are_padded_with_the_mean_and_void():
    image, truth = parse(*marked(20, 24), crop_size=[32, 40], random_flip=False)
    assert image.shape == (32, 40, 3)
    assert not image[20:].any() and not image[:, 24:].any()
    assert (truth[common.LABEL_CLASSES][20:] == labels.VOID_CLASS).all()
    assert (truth[common.LABEL_INSTANCES][:, 24:] == labels.VOID_INSTANCE).all()
    assert (image[:20, :24, 1] == -50).all()


def test_zoom_resizes_both_alike():
    image = np.zeros((40, 40, 3), np.uint8)
    image[10:20, 15:30] = 200
    stored = np.where(image[..., 0] > 0, 26001, 0).astype(np.uint16)
    image, truth = parse(
        image, stored, scale_min=2.0, scale_max=2.0, crop_size=[80, 80], random_flip=False
    )
    assert (truth[common.LABEL_INSTANCES] == 26001).sum() == 20 * 30
    np.testing.assert_array_equal(image[..., 0] > 0, truth[common.LABEL_CLASSES] == 3)


def coordinates(height, width):
    """An image whose red and green are row and column; its labels hold both as well."""
    rows, columns = np.indices((height, width))
    image = np.stack([rows, columns, 0 * rows], axis=-1).astype(np.uint8)
    return image, (256 * rows + columns).astype(np.uint16)


IDS = labels.ClassTable("cells", ("background", "cell"), (1,), encoding="ids")


@pytest.mark.parametrize("seed", [(1, 2), (3, 4), (5, 6), (7, 8)])
@pytest.mark.parametrize("limits", [(1.0, 3.0), (0.5, 0.9)])
def test_a_zoomed_crop_reads_image_and_labels_at_the_same_places(seed, limits):
    image, truth = parse(
        *coordinates(150, 200), seed=seed, table=IDS, crop_size=[64, 48],
        scale_min=limits[0], scale_max=limits[1],
    )  # fmt: skip
    stored = truth[common.LABEL_INSTANCES]
    for axis, places in ((0, stored // 256), (1, stored % 256)):
        seen = image[..., axis] + 100.0
        assert np.abs(seen - places).max() <= 1  # half a pixel, and half a grey value
        middle = np.diff(seen, axis=axis).mean()
        assert 1 / limits[1] - 0.02 <= abs(middle) <= 1 / limits[0] + 0.02


def test_a_zoomed_crop_equals_that_of_the_zoomed_image():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (42, 62, 3), np.uint8)
    options = {"scale_min": 1.5, "scale_max": 1.5, "is_training": False, "crop_size": [33, 45]}
    crop, _ = parse(image, np.zeros((42, 62), np.uint16), **options)
    window = image[10 : 10 + 22, 16 : 16 + 30]  # in the middle, 33 / 1.5 and 45 / 1.5
    expected = cv2.resize(window.astype(np.float32), (45, 33), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(crop + 100, expected, atol=0.51)
    zoomed = cv2.resize(image.astype(np.float32), (93, 63), interpolation=cv2.INTER_LINEAR)
    inner = zoomed[16 : 16 + 31, 25 : 25 + 43]  # without the border, which ends at the window
    np.testing.assert_allclose(crop[1:32, 1:44] + 100, inner, atol=0.51)


@pytest.mark.parametrize(
    "size", [(60, 90), (80, 120), (120, 180), (192, 289), (361, 480), (720, 900)]
)
def test_zoomed_labels_lie_where_the_image_has_them(size):
    rows, columns = np.indices((240, 360))
    places = np.stack([rows, columns, 0 * rows], axis=-1).astype(np.float32)
    shifts = []
    # A disc of pixels is a bit off its middle, and at the opposite place by the opposite.
    for y, x in ((90.2, 200.4), (239 - 90.2, 359 - 200.4)):
        stored = (np.hypot(rows - y, columns - x) < 60.3).astype(np.uint16)
        image, labelled = parser._resize(
            tf.constant(places), tf.constant(stored), tf.constant(size)
        )
        inside = labelled.numpy() > 0
        assert inside.mean() == pytest.approx(stored.mean(), rel=0.02)
        # The image tells which places the labelled pixels show.
        shown = image.numpy()[inside][:, :2].astype(np.float64)
        shifts.append(shown.mean(axis=0) - (y, x))
    np.testing.assert_allclose(np.mean(shifts, axis=0), 0, atol=0.02)


def test_a_zoomed_out_image_is_padded():
    image, truth = parse(
        *marked(50, 90), table=IDS, scale_min=0.5, scale_max=0.5, crop_size=[32, 48]
    )
    inside = truth[common.LABEL_CLASSES] != labels.VOID_CLASS
    assert inside[:25, :45].all() and not inside[25:].any() and not inside[:, 45:].any()
    assert not image[~inside].any()


def objects(*sides):
    """An image with a bright square of each side, 40 pixels apart."""
    stored = np.zeros((60, 40 * len(sides)), np.uint16)
    for number, side in enumerate(sides):
        stored[10 : 10 + side, 40 * number : 40 * number + side] = number + 1
    return np.where(stored[..., None] > 0, [[[255, 255, 255]]], 0).astype(np.uint8), stored


def zoom_of(image, stored, table=IDS, **config):
    """Returns the zoom of a crop that holds all of the image, by the sizes of both."""
    config = {"crop_size": [1000, 1000], "random_flip": False, "object_size": 20.0, **config}
    _, truth = parse(image, stored, table=table, **config)
    inside = truth[common.LABEL_CLASSES] != labels.VOID_CLASS
    return inside.any(axis=1).sum() / len(image)


@pytest.mark.parametrize(
    "sides, median",
    [([10], 10), ([8, 30, 12], 12), ([8, 30, 12, 14], 13), ([1] * 5, 1), ([37], 37)],
)
@pytest.mark.parametrize("is_training", [True, False])
def test_objects_are_zoomed_to_one_size(sides, median, is_training):
    zoom = zoom_of(*objects(*sides), is_training=is_training, min_zoom=0.8, max_zoom=5.0)
    diameter = median * np.sqrt(4 / np.pi)
    assert zoom == pytest.approx(np.clip(20 / diameter, 0.8, 5.0), abs=0.01)


def test_only_instances_count_for_the_size():
    image, stored = objects(10, 30)
    stored = np.choose(stored, [7, 26001, 26]).astype(np.uint16)  # road, a car, a group of cars
    zoom = zoom_of(image, stored, class_tables.CITYSCAPES)
    assert zoom == pytest.approx(20 / (10 * np.sqrt(4 / np.pi)), abs=0.01)


def test_an_image_without_instances_is_zoomed_between_the_limits():
    image, stored = objects(10)
    assert zoom_of(image, 0 * stored, min_zoom=1.0, max_zoom=4.0) == pytest.approx(2, abs=0.01)


def test_the_size_of_objects_varies_by_a_factor():
    limits = {"scale_min": 0.5, "scale_max": 2.0, "crop_size": [500, 500]}
    plain = zoom_of(*objects(20), crop_size=[500, 500])
    factors = [zoom_of(*objects(20), seed=(s, 3), **limits) / plain for s in range(60)]
    assert 0.49 < min(factors) < 0.6 and 1.7 < max(factors) < 2.02
    assert abs(np.log2(factors).mean()) < 0.25


def test_object_crops_of_zoomed_images_hold_an_instance():
    stored = np.zeros((96, 160), np.uint16)
    stored[5, 150] = 24001
    for s in range(12):
        _, truth = parse(
            np.zeros((96, 160, 3), np.uint8), stored, seed=(s, 1), crop_size=[32, 32],
            object_crops=1.0, scale_min=1.0, scale_max=3.0,
        )  # fmt: skip
        assert (truth[common.LABEL_INSTANCES] == 24001).any()


def test_the_host_hands_over_bytes():
    config = training_data.DataConfig(
        is_training=True, crop_size=[32, 40], scale_max=1.5, photometric=0.2
    )
    image, stored = marked(20, 24)
    crop = parser.Parser(config, class_tables.CITYSCAPES)(
        tf.constant([1, 2], tf.int64),
        graph_examples.parse(training_records.serialize(image, stored)),
    )
    assert {key: value.dtype for key, value in crop.items()} == {
        "image": tf.uint8,
        "instances": tf.float32,
        "fingerprint": tf.int64,
    }
    assert set(np.unique(crop["instances"])) == {parser.OUTSIDE, 0, 26001}


def test_validation_takes_the_middle_unchanged():
    image, stored = marked(64, 80)
    result, _ = parse(image, stored, is_training=False, photometric=0.5, crop_size=[32, 40])
    np.testing.assert_array_equal(result, image[16:48, 20:60] - 100.0)


def test_photometric_changes_colours_but_not_labels():
    image, stored = marked(32, 32)
    arguments = {"crop_size": [32, 32], "random_flip": False}
    plain, truth = parse(image, stored, **arguments)
    varied, same = parse(image, stored, photometric=0.3, **arguments)
    assert np.abs(varied - plain).max() > 1
    assert varied.min() >= -100 and varied.max() <= 155
    for key, value in truth.items():
        np.testing.assert_array_equal(same[key], value)


def test_a_crop_leads_to_the_name_of_its_image(tmp_path):
    names = ["a/b.png", "", "ä" * 300 + "é.png"]
    for i, name in enumerate(names):
        with tf.io.TFRecordWriter(str(tmp_path / f"{i}.tfrecord")) as writer:
            writer.write(training_records.serialize(*marked(), name))
    numbers = fingerprints.of(tf.constant([names[2], "other", *names]))
    assert numbers.dtype == tf.int64 and numbers.shape == [5]
    found = fingerprints.find_names(numbers.numpy(), [f"{tmp_path}/[01].tf*", f"{tmp_path}/2.tf*"])
    assert found == [names[2], "unknown", *names]
