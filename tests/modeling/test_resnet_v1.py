"""Our ResNet v1 and the whole networks: structure, sizes, weights across strides."""

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg.configs import networks as networks_config
from affinity_seg.modeling import inputs, networks, resnet_v1

TINY = {"preset": "small", "units": [1, 1, 1, 1], "stem_filters": 4, "width": 4}


def network_config(output_stride=8, **arguments):
    config = networks_config.Network()
    config.backbone.resnet_v1 = networks_config.ResNetV1(
        output_stride=output_stride, **{**TINY, **arguments}
    )
    config.aspp.filters = 8
    config.aspp.rates = [1, 2, 3]
    return config


def test_plan_of_the_paper():
    units, grid = [3, 4, 23, 3], [1, 2, 4]
    at_16 = resnet_v1.unit_plan(units, 16, grid)
    assert at_16[0] == [(1, 1), (1, 1), (2, 1)]
    assert at_16[1] == [(1, 1)] * 3 + [(2, 1)]
    assert at_16[2] == [(1, 1)] * 23
    assert at_16[3] == [(1, 2), (1, 4), (1, 8)]
    at_8 = resnet_v1.unit_plan(units, 8, grid)
    assert at_8[0] == [(1, 1), (1, 1), (2, 1)]
    assert at_8[1] == [(1, 1)] * 4
    assert at_8[2] == [(1, 2)] * 23
    assert at_8[3] == [(1, 4), (1, 8), (1, 16)]


def test_plans_at_strides_4_and_32():
    at_4 = resnet_v1.unit_plan([1, 1, 1, 1], 4, [1])
    assert at_4 == [[(1, 1)], [(1, 2)], [(1, 4)], [(1, 8)]]
    at_32 = resnet_v1.unit_plan([1, 2, 1, 2], 32, [1, 2])
    assert at_32 == [[(2, 1)], [(1, 1), (2, 1)], [(2, 1)], [(1, 1), (1, 2)]]


@pytest.mark.parametrize("output_stride", [4, 8, 16, 32])
@pytest.mark.parametrize("size", [(64, 96), (65, 97), (77, 130)])
def test_sizes(output_stride, size):
    model = networks.build_network(network_config(output_stride), 5)
    logits = model(tf.zeros([1, *size, 3]), training=False)["logits"]
    assert logits.shape == (1, -(-size[0] // output_stride), -(-size[1] // output_stride), 5)


@pytest.mark.parametrize("kind", ["semantic", "affinity"])
def test_resnet_101_networks_have_552_variables(kind):
    config = networks_config.Network()
    model = networks.build_network(config, {"semantic": 9, "affinity": 56}[kind], 1e-4)
    assert len(model.variables) == 552
    assert len(model.losses) == 104 + 6 + 1  # kernels: backbone, ASPP, logits
    rates = [layer.dilation_rate for layer in model.decoder.aspp.submodules if _is_atrous(layer)]
    assert sorted(rates) == [(6, 6), (12, 12), (18, 18)]


def _is_atrous(layer):
    return getattr(layer, "kernel_size", None) == (3, 3)


def test_rates_double_at_stride_8():
    assert networks_config.Aspp().scaled_rates(8) == [12, 24, 36]
    assert networks_config.Aspp().scaled_rates(16) == [6, 12, 18]


def test_weights_of_stride_16_fit_stride_8():
    at_16 = networks.build_network(network_config(16), 3)
    at_8 = networks.build_network(network_config(8), 3)
    at_8.set_weights(at_16.get_weights())
    # Dilation reads exactly what the stride skipped, so every second feature is the same.
    for size in ((128, 96), (129, 75)):
        image = tf.random.stateless_normal([1, *size, 3], [1, 2])
        features_16 = at_16.backbone(image)["4"]
        features_8 = at_8.backbone(image)["3"][:, ::2, ::2]
        np.testing.assert_allclose(features_16, features_8, rtol=1e-3, atol=1e-4)


def test_strided_units_pad_alike_on_both_sides():
    # A constant image stays constant inside under any padding; a mirrored one of odd size
    # mirrors the features only if the padding is symmetric.
    model = networks.build_network(network_config(8), 3)
    image = tf.random.stateless_normal([1, 65, 65, 3], [3, 4])
    kernels = [v for v in model.backbone.variables if "kernel" in v.name]
    for kernel in kernels:
        kernel.assign((kernel + kernel[:, ::-1]) / 2)
    features = model.backbone(image)["3"]
    mirrored = model.backbone(image[:, :, ::-1])["3"]
    np.testing.assert_allclose(features, mirrored[:, :, ::-1], rtol=1e-3, atol=1e-4)


def test_model_garden_backbone():
    config = network_config()
    config.backbone.type = "dilated_resnet"
    config.backbone.dilated_resnet.model_id = 50
    config.backbone.dilated_resnet.output_stride = 16
    model = networks.build_network(config, 5)
    assert model(tf.zeros([1, 64, 80, 3]), training=False)["logits"].shape == (1, 4, 5, 5)


def test_normalize_subtracts_the_mean_and_scales():
    config = network_config()
    config.pixel_scale = 2.0
    zero = inputs.normalize(config, tf.constant([[[[123.68, 116.779, 103.939]]]]))
    np.testing.assert_allclose(zero, 0, atol=1e-6)
    white = inputs.normalize(config, tf.fill([1, 1, 1, 3], tf.constant(255, tf.uint8)))
    np.testing.assert_allclose(white[0, 0, 0], [65.66, 69.1105, 75.5305], rtol=1e-5)


@pytest.mark.parametrize(
    ("percentiles", "low", "high"), [([0.0, 100.0], 10, 209), ([5.0, 95.0], 19, 199)]
)
def test_contrast_is_that_of_the_whole_image(percentiles, low, high):
    config = network_config()
    config.contrast_percentiles = percentiles
    values = np.arange(10, 210, dtype=np.uint8)  # each value once
    image = np.random.default_rng(0).permutation(values).reshape(10, 20, 1).repeat(3, axis=-1)
    expected = np.clip((image - np.float32(low)) * (255 / (high - low)), 0, 255)
    np.testing.assert_allclose(inputs.stretch_contrast(config, image), expected, rtol=1e-5)


def test_contrast_of_an_image_of_one_colour_and_without_percentiles():
    config = network_config()
    image = np.full((4, 5, 3), 77, np.uint8)
    assert inputs.stretch_contrast(config, image) is image
    config.contrast_percentiles = [1.0, 99.0]
    assert not inputs.stretch_contrast(config, image).numpy().any()


@pytest.mark.parametrize(("floor", "factor"), [(1.0, 51), (5.0, 51), (10.0, 25.5), (51.0, 5)])
def test_a_contrast_below_the_floor_is_not_stretched_to_the_full_range(floor, factor):
    config = network_config()
    config.contrast_percentiles, config.contrast_floor = [0.0, 100.0], floor
    image = np.array([20, 22, 25], np.uint8).reshape(1, 3, 1).repeat(3, axis=-1)
    stretched = inputs.stretch_contrast(config, image)
    np.testing.assert_allclose(stretched[0, :, 0], np.array([0, 2, 5]) * factor, rtol=1e-6)


def fused_config(output_stride=16, **fusion):
    config = network_config(output_stride, units=[2, 2, 2, 2])
    config.fusion.override({"levels": [3, 1], "filters": [8, 4], **fusion})
    return config


@pytest.mark.parametrize("output_stride", [16, 32])
@pytest.mark.parametrize("size", [(64, 96), (65, 97), (77, 130)])
def test_fused_networks_answer_at_the_stride_of_the_last_level(output_stride, size):
    config = fused_config(output_stride)
    assert config.output_stride == 2
    logits = networks.build_network(config, 5)(tf.zeros([1, *size, 3]), training=False)["logits"]
    assert logits.shape == (1, -(-size[0] // 2), -(-size[1] // 2), 5)


def test_every_level_is_its_last_map_of_that_stride():
    backbone = networks.build_network(network_config(16, units=[2, 1, 1, 1]), 5).backbone
    levels = {key: backbone.output_specs[key][-1] for key in backbone.output_specs}
    # Stem; block 1 before its last unit, which strides; block 1; the end.
    assert levels == {"1": 4, "2": 16, "3": 16, "4": 128}


def test_every_level_reaches_the_logits():
    config = fused_config(levels=[3, 2, 1], filters=[8, 8, 4])
    model = networks.build_network(config, 5)
    decoder = model.decoder
    features = model.backbone(tf.random.stateless_normal([1, 64, 64, 3], [1, 2]))
    coarse = decoder.pyramid(features)["4"]
    early = [features[str(level)] for level in decoder.levels]
    with tf.GradientTape() as tape:
        tape.watch([coarse, *early])
        fused = decoder.fuse(coarse, early, training=False)
    assert all(np.abs(g).max() > 0 for g in tape.gradient(fused, [coarse, *early]))


@pytest.mark.parametrize(
    ("fusion", "message"),
    [
        ({"levels": [4]}, r"must decrease from less than 4"),
        ({"levels": [2, 3]}, r"must decrease from less than 4"),
        ({"levels": [0], "filters": [8]}, r"at least 1: \[0\]"),
        ({"levels": [3, 2], "filters": [8]}, r"each of 2 levels"),
        ({"levels": [3], "filters": [0]}, r"positive"),
        ({"levels": [3], "filters": [8], "num_convs": 0}, r"`fusion.num_convs` must be positive"),
    ],
)
def test_fusion_rules(fusion, message):
    with pytest.raises(ValueError, match=message):
        fused_config(**fusion).check()


def test_fusion_needs_levels_that_the_backbone_has():
    config = fused_config(levels=[1], filters=[8])
    config.backbone.type = "dilated_resnet"
    config.backbone.dilated_resnet.model_id = 50
    config.backbone.dilated_resnet.output_stride = 16
    with pytest.raises(ValueError, match=r"levels of the backbone dilated_resnet.*\[1\]"):
        networks.build_network(config, 5)
