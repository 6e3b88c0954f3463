"""Changes of training crops: their strength, that they repeat, and that off means unchanged."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
import training_records

from affinity_seg import class_tables
from affinity_seg.configs import microscope as microscope_config
from affinity_seg.configs import training_data
from affinity_seg.data import graph_examples
from affinity_seg.dataloaders import microscope, parser

ALL = {"gamma": 0.5, "background": 60, "blur": 1.5, "noise": 30, "jpeg": 50}
PIXELS = tf.constant([96, 128])


def seed(number):
    return tf.constant([number, 5], tf.int64)


def drawn():
    """A float32 image of smooth values between 20 and 220."""
    values = np.random.default_rng(0).random((96, 128))
    values = cv2.GaussianBlur(values, (0, 0), 5)
    values = 20 + 200 * (values - values.min()) / np.ptp(values)
    return tf.constant(np.repeat(values[..., None], 3, axis=-1), tf.float32)


def gray(value):
    return tf.fill([96, 128, 3], float(value))


def change(config, number, image=None):
    config = microscope_config.Microscope(**config)
    config.check()
    image = drawn() if image is None else image
    return microscope.change(config, image, tf.shape(image)[:2], seed(number)).numpy()


@pytest.mark.parametrize("name", [*ALL, "all"])
def test_a_change_repeats_and_differs_between_crops(name):
    config = ALL if name == "all" else {name: ALL[name]}
    first, second, again = (change(config, number) for number in (1, 2, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != second).any() and (second != drawn().numpy()).any()
    assert first.min() >= 0 and first.max() <= 255
    assert first.shape == (96, 128, 3)


def test_a_share_of_the_crops_is_changed():
    same = [(change({**ALL, "share": 0.3}, n) == drawn().numpy()).all() for n in range(100)]
    assert 58 <= sum(same) <= 82


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (300, 3)])
def test_crops_of_any_size_are_changed(size):
    assert change(ALL, 1, drawn()[:1, :1] + tf.zeros([*size, 3])).shape == (*size, 3)


def test_gamma_keeps_black_and_white_and_is_log_uniform():
    image = tf.constant([[[0.0] * 3, [100.0] * 3, [255.0] * 3]])
    results = np.array([microscope.vary_gamma(image, 1.0, seed(n))[0, :, 0] for n in range(300)])
    assert results[:, 0].max() < 0.5
    np.testing.assert_allclose(results[:, 2], 255, rtol=1e-4)
    powers = np.log2(np.log(results[:, 1] / 255) / np.log(100 / 255))
    assert -1 <= powers.min() < -0.9 and 0.9 < powers.max() <= 1
    assert abs(powers.mean()) < 0.12


def test_a_glow_is_smooth_and_lifts_what_is_dark():
    results = np.array([microscope.add_glow(gray(0), 80, seed(n)) for n in range(100)])
    assert results.min() >= 0 and 60 < results.max() <= 80
    assert 15 < results.mean() < 25  # the mean of two uniform draws' product is a quarter
    assert np.abs(np.diff(results, axis=1)).max() < 5
    assert np.ptp(results, axis=(1, 2, 3)).max() > 30
    np.testing.assert_array_equal(microscope.add_glow(gray(255), 80, seed(1)), gray(255))


def test_blur_is_that_of_opencv():
    noisy = tf.constant(np.random.default_rng(1).uniform(0, 255, (96, 128, 3)), tf.float32)
    for number in range(5):
        sigma = max(float(tf.random.stateless_uniform([], seed(number), 0, 2.0)), 1e-3)
        expected = cv2.GaussianBlur(noisy.numpy(), (11, 11), sigma, borderType=cv2.BORDER_REPLICATE)
        np.testing.assert_allclose(microscope.blur(noisy, 2.0, seed(number)), expected, atol=1e-2)


def test_noise_has_the_strength_of_its_draw():
    deviations = np.array(
        [(microscope.add_noise(gray(128), 20, PIXELS, seed(n)) - 128.0)[..., 0].numpy().std()
         for n in range(200)]
    )  # fmt: skip
    assert deviations.min() < 1 and 17 < deviations.max() <= 20.5
    # Photons have half of the variance here, so that deviations are a bit less than 10.
    assert 7.5 < deviations.mean() < 10


def test_noise_of_photons_grows_with_the_brightness():
    ratios = []
    for number in range(40):
        dark, bright = (
            (microscope.add_noise(gray(v), 10, PIXELS, seed(number)) - float(v)).numpy().std()
            for v in (50, 200)
        )
        ratios.append(dark / bright)
    assert min(ratios) < 0.65 and 0.95 < max(ratios) < 1.01


def test_noise_is_zoomed_with_the_image():
    results = [
        microscope.add_noise(gray(128), 30, PIXELS // divisor, seed(4))[..., 0].numpy()
        for divisor in (1, 4)
    ]
    kept = [np.corrcoef(image[:, 1:].ravel(), image[:, :-1].ravel())[0, 1] for image in results]
    assert abs(kept[0]) < 0.05 and kept[1] > 0.85


def test_compression_has_the_quality_of_its_draw():
    image = drawn() + tf.random.stateless_normal([96, 128, 1], [1, 2], 0, 10)
    best, *errors = (
        np.abs(microscope.compress(image, quality, seed(number)) - image).mean()
        for number, quality in enumerate([100] + [5] * 40)
    )
    assert best < 0.6
    assert min(errors) < 2 and max(errors) > 4


def test_empty_crops_are_of_all_kinds():
    crops = np.array([microscope.empty(PIXELS, PIXELS // 2, seed(n)) for n in range(60)])
    assert crops.shape == (60, 96, 128, 3) and crops.min() == 0 and crops.max() == 255
    np.testing.assert_array_equal(crops[..., 0], crops[..., 2])
    deviations = crops.std(axis=(1, 2, 3))
    assert deviations.min() < 25 and deviations.max() > 60
    assert len(np.unique(crops.mean(axis=(1, 2, 3)).round())) > 30


def parse(number, **config):
    config = training_data.DataConfig(**{"is_training": True, "crop_size": [64, 48], **config})
    image = np.random.default_rng(0).integers(0, 256, (90, 80, 3), np.uint8)
    stored = np.where(image[..., 0] > 128, 26001, 7).astype(np.uint16)
    example = graph_examples.parse(training_records.serialize(image, stored))
    crop = parser.Parser(config, class_tables.CITYSCAPES)(seed(number), example)
    return crop["image"].numpy(), crop["instances"].numpy()


@pytest.mark.parametrize("more", [{}, {"scale_min": 0.7, "scale_max": 1.9, "photometric": 0.2}])
def test_crops_change_and_labels_do_not(more):
    off = microscope_config.Microscope(share=0.0, **ALL)
    on = microscope_config.Microscope(**ALL)
    for number in range(3):
        plain = parse(number, **more)
        for same in (
            parse(number, **more, microscope=off),
            parse(number, **more, microscope=microscope_config.Microscope()),
        ):
            np.testing.assert_array_equal(same[0], plain[0])
            np.testing.assert_array_equal(same[1], plain[1])
        changed = parse(number, **more, microscope=on)
        assert (changed[0] != plain[0]).mean() > 0.5
        np.testing.assert_array_equal(changed[1], plain[1])


def test_a_validation_crop_stays_as_it_is():
    on = microscope_config.Microscope(**ALL, empty=1.0)
    plain, same = (parse(1, is_training=False, microscope=m) for m in (
        microscope_config.Microscope(), on))  # fmt: skip
    np.testing.assert_array_equal(same[0], plain[0])
    np.testing.assert_array_equal(same[1], plain[1])


def test_a_share_of_the_crops_shows_no_object():
    config = microscope_config.Microscope(empty=0.4)
    found = 0
    for number in range(60):
        plain, crop = parse(number), parse(number, microscope=config)
        if (crop[1] == plain[1]).all():
            np.testing.assert_array_equal(crop[0], plain[0])
        else:
            classes, instances = class_tables.CITYSCAPES.decode(crop[1].astype(np.uint16))
            assert not classes.any() and not instances.any()
            assert (crop[0] != plain[0]).any()
            found += 1
    assert 14 <= found <= 34
