"""The input pipeline: labels as the class table says, image and labels always together."""

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg import common, labels
from affinity_seg.configs import experiments
from affinity_seg.dataloaders import filenames, parser


def parse(image, stored, seed=(1, 2), table=labels.CITYSCAPES, **config):
    config = experiments.DataConfig(**{"is_training": True, **config})
    parse_example = parser.Parser(
        config, table, lambda x: x, lambda x: tf.cast(x, tf.float32) - 100.0
    )
    example = {
        "image": tf.constant(image),
        "instances": tf.constant(stored),
        "filename": tf.constant("a/b.png"),
    }
    image, truth = parse_example(tf.constant(seed, tf.int64), example)
    return image.numpy(), {key: value.numpy() for key, value in truth.items()}


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
    for table in (labels.CITYSCAPES, labels.CITYSCAPES_19, cells):
        classes, instances = parser.split_labels(values, table)
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


@pytest.mark.parametrize(
    ("name", "kept"), [("a/b.png", "a/b.png"), ("", ""), ("ä" * 300 + "é.png", "ä" * 155 + "é.png")]
)
def test_file_names_become_codes_and_names_again(name, kept):
    codes = filenames.to_codes(tf.constant(name))
    assert codes.dtype == tf.int32 and codes.shape == [filenames.LENGTH]
    both = tf.stack([codes, filenames.to_codes(tf.constant("other"))])
    assert [s.decode() for s in filenames.to_strings(both).numpy()] == [kept, "other"]
