"""Tiles of large inputs: what is cut, and that stitching brings the whole back."""

import numpy as np
import pytest
import tensorflow as tf
from official.core import exp_factory

from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.configs import experiments
from affinity_seg.configs.inference import MIN_TILE_SIDE, TILE_GRID
from affinity_seg.modeling.loading import KerasNetwork
from affinity_seg.pipeline import tiles
from affinity_seg.tasks import registry_imports  # noqa: F401
from checks.true_networks import TrueNetwork, coordinates

LARGEST = 1024 * 2048


def _cut(height, width, largest, overlap):
    """Returns box and kept part of each tile."""
    boxes, kept = tiles.cut(tf.constant(height), tf.constant(width), largest, overlap)
    return [tuple(map(tuple, both)) for both in zip(boxes.numpy(), kept.numpy(), strict=True)]


def test_what_is_small_enough_stays_whole():
    whole = (0, 0, 1024, 2048)
    assert _cut(1024, 2048, LARGEST, 256) == [(whole, whole)]


def test_a_wide_input_is_cut_along_its_longer_side():
    # Three tiles: two would be 2048 + 128 pixels wide each.
    assert _cut(1024, 4096, LARGEST, 256) == [
        ((0, 0, 1024, 1536), (0, 0, 1024, 1408)),
        ((0, 1280, 1024, 2816), (0, 1408, 1024, 2688)),
        ((0, 2560, 1024, 4096), (0, 2688, 1024, 4096)),
    ]


def test_a_high_input_is_cut_across():
    boxes = [box for box, _ in _cut(4096, 1024, LARGEST, 256)]
    assert boxes == [(0, 0, 1536, 1024), (1280, 0, 2816, 1024), (2560, 0, 4096, 1024)]


@pytest.mark.parametrize("seed", range(100))
def test_tiles_are_equal_small_enough_and_overlap(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(300, 9000, 2).tolist()
    largest = int(rng.integers(MIN_TILE_SIDE**2, LARGEST))
    overlap = 2 * TILE_GRID * int(rng.integers(5))
    found = _cut(height, width, largest, overlap)
    assert len({(y1 - y0, x1 - x0) for (y0, x0, y1, x1), _ in found}) == 1
    times_kept = np.zeros((height, width), np.int8)
    for box, kept in found:
        assert (box[2] - box[0]) * (box[3] - box[1]) <= largest
        times_kept[kept[0] : kept[2], kept[1] : kept[3]] += 1
        for axis, side in enumerate((height, width)):
            assert box[axis] % TILE_GRID == kept[axis] % TILE_GRID == 0
            # The network samples a tile as it samples the whole.
            assert (box[axis + 2] - box[axis] - side) % TILE_GRID == 0
            assert kept[axis] == box[axis] == 0 or kept[axis] - box[axis] >= overlap // 2
            end = kept[axis + 2]
            assert end == box[axis + 2] == side or box[axis + 2] - end >= overlap // 2
    assert (times_kept == 1).all()


@pytest.mark.parametrize("stride", [1, 8, 16])
@pytest.mark.parametrize("size", [(700, 4000), (4000, 700), (3001, 3203)])
def test_stitching_brings_the_whole_back(size, stride):
    classes, instances = np.zeros(size, np.int32), np.zeros(size, np.int32)
    classes[size[0] // 3 :, 100 : size[1] // 2] = instances[size[0] // 3 :, 100 : size[1] // 2] = 1
    network = TrueNetwork("semantic", classes, instances, CITYSCAPES, stride)
    images = tf.constant(coordinates(*size)[None])
    found = tiles.run(network, images, 600 * 600, 64)
    np.testing.assert_array_equal(found, network.logits(images))


@pytest.fixture(scope="module", params=["semantic", "affinity", "fused"])
def network(request):
    """Small networks with fresh weights at stride 8, one with features of strides 4 and 2 fused."""
    experiment = experiments.SEMANTIC if request.param == "semantic" else experiments.AFFINITY
    task = exp_factory.get_exp_config(experiment).task
    if request.param == "fused":
        task.model.fusion.override({"levels": [2, 1], "filters": [8, 8]})
    task.model.backbone.resnet_v1.override({"preset": "small", "output_stride": 8})
    task.model.aspp.override({"filters": 16, "rates": [2]})
    tf.keras.utils.set_random_seed(1)
    return KerasNetwork(task, CITYSCAPES)


def test_tiles_see_the_mean_of_the_whole_input(network):
    rng = np.random.default_rng(0)
    # The right half is brighter, so that the mean of a tile is not that of the input.
    image = rng.normal(size=(2, 520, 1552, 3)).astype(np.float32)
    image[:, :, 776:] += 3
    whole = network.logits(tf.constant(image)).numpy()
    found = tiles.run(network, tf.constant(image), 512 * 1024, 256).numpy()
    parts = _cut(520, 1552, 512 * 1024, 256)
    assert found.shape == whole.shape and found.dtype == np.float32
    cut, reach = parts[0][1][3] // network.output_stride, 192 // network.output_stride
    far = np.abs(np.arange(whole.shape[2]) - cut) > reach  # convolutions see the tile's end
    # The means differ a little, because they include what is near the cuts.
    np.testing.assert_allclose(found[:, :, far], whole[:, :, far], atol=2e-3)
    left = np.arange(whole.shape[2]) < cut - reach
    alone = network.logits(tf.constant(image[:, :, : parts[0][0][3]])).numpy()
    assert np.abs(alone[:, :, : left.sum()] - whole[:, :, left]).max() > 0.02


def test_one_trace_serves_all_shapes(network):
    for height, width in ((65, 65), (65, 97), (520, 1552), (33, 65)):
        images = tf.zeros([1, height, width, 3])
        network.logits(images)
        tiles.run(network, images, 512 * 1024, 256)
    for function in (network.logits, network.encode, network.decode):
        assert function.experimental_get_tracing_count() == 1
