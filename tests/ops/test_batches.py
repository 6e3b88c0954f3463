"""Lists of images give what the images give one by one."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg import ops
from affinity_seg.merge_options import MergeOptions
from affinity_seg.ops.loader import load_library

_OPTIONS = MergeOptions(
    distances=(1, 2, 4, 8), stages=(2, 1, 1), thresholds=(0.8, 0.6, 0.3), min_pixels=4
)
_SIZES = ((20, 31), (64, 48), (1, 1), (0, 5), (33, 16))
_GROUPS = (0, 1, 2, 0, 1)


def _probabilities(rng, height, width, dtype=np.float32):
    semantic = rng.dirichlet([0.1, 0.1, 0.1], [height, width])
    return semantic.astype(dtype), rng.uniform(0, 1, [height, width, 32]).astype(dtype)


def _logits(rng, height, width):
    size = [2, -(-height // 8), -(-width // 8)]
    affinity, semantic = rng.normal(1, 2, [*size, 32]), rng.normal(0, 2, [*size, 3])
    return semantic.astype(np.float32), affinity.astype(np.float32)


def _assert_same(found, expected):
    for result, expected_result in zip(found, expected, strict=True):
        for a, b in zip(result, expected_result, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("num_threads", [0, 1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_probabilities(num_threads, dtype):
    rng = np.random.default_rng(num_threads)
    images = [_probabilities(rng, *size, dtype) for size in _SIZES]
    masks = [None, *(rng.random(size) < 0.8 for size in _SIZES[1:])]
    options = dataclasses.replace(_OPTIONS, groups=(0, 1, 2))
    expected = [
        ops.graph_merge(*image, options, mask=mask, group=group)
        for image, mask, group in zip(images, masks, _GROUPS, strict=True)
    ]
    assert sum(len(result.sizes) for result in expected) > 10
    vertices = {"mask": masks, "group": _GROUPS, "num_threads": num_threads}
    found = ops.graph_merge_batch(*zip(*images, strict=True), options, **vertices)
    _assert_same(found, expected)
    edges = ops.merge_edges(*zip(*images, strict=True), options, **vertices)
    for index, (semantic, affinity) in enumerate(images):
        (single,) = ops.merge_edges(
            [semantic], [affinity], options, mask=[masks[index]], group=_GROUPS[index]
        )
        np.testing.assert_array_equal(edges[index], single)


def test_logits_inside_a_graph():
    rng = np.random.default_rng(0)
    images = [_logits(rng, *size) for size in _SIZES]
    masks = [np.ones(size, bool) for size in _SIZES]
    strides = {"semantic_stride": 8, "affinity_stride": 8}

    @tf.function
    def merge():
        lists = (*zip(*images, strict=True), masks)
        found = ops.graph_merge_from_logits_batch(*lists, _OPTIONS, **strides)
        # What is known of the shapes when the graph is built.
        for result, size in zip(found, _SIZES, strict=True):
            assert tuple(result.instance_ids.shape) == size
            assert result.votes.shape.as_list() == [None, 3]
        return found, ops.merge_edges(*lists[:2], _OPTIONS, mask=masks, strides=(8, 8))

    found, edges = merge()
    expected = [
        ops.graph_merge_from_logits(*image, mask, _OPTIONS, **strides)
        for image, mask in zip(images, masks, strict=True)
    ]
    _assert_same(found, expected)
    for (semantic, affinity), mask, found_edges in zip(images, masks, edges, strict=True):
        (single,) = ops.merge_edges([semantic], [affinity], _OPTIONS, mask=[mask], strides=(8, 8))
        np.testing.assert_array_equal(found_edges, single)


def test_an_empty_list_has_no_results():
    assert ops.graph_merge_batch([], []) == []
    options = {"distances": [1], "stages": [1], "thresholds": [0.5], "groups": [0, 1]}
    lists = {"semantic": [], "affinity": [], "mask": [], "group": []}
    assert not any(load_library().graph_merge(**lists, **options))


def test_errors_tell_the_image():
    rng = np.random.default_rng(0)
    semantic, affinity = (list(a) for a in zip(*[_probabilities(rng, 4, 6)] * 3, strict=True))
    affinity[2] = affinity[2] + 1
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"image 2 of the list: `affinity` m"):
        ops.graph_merge_batch(semantic, affinity, _OPTIONS)
    affinity[1] = affinity[1][:, :5]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"image 1 of the list: `semantic` m"):
        ops.graph_merge_batch(semantic, affinity, _OPTIONS)
    with pytest.raises(ValueError, match=r"`semantic` must have one entry for each .* 3: 2"):
        ops.graph_merge_batch(semantic[:2], affinity, _OPTIONS)
    with pytest.raises(ValueError, match=r"`group` must have one entry for each .* 3: 1"):
        ops.graph_merge_batch(semantic, affinity, _OPTIONS, group=[0])
    with pytest.raises(TypeError, match=r"must all be float.*is float16"):
        ops.graph_merge_batch([semantic[0].astype(np.float16)] * 3, affinity, _OPTIONS)


def test_lists_of_any_kind():
    rng = np.random.default_rng(0)
    semantic, affinity = (np.stack(a) for a in zip(*[_probabilities(rng, 6, 8)] * 2, strict=True))
    expected = ops.graph_merge_batch(list(semantic), list(affinity), _OPTIONS)
    for group in (np.int64(0), tf.constant(0), np.array([0, 0]), (0, 0)):
        found = ops.graph_merge_batch(semantic, tf.constant(affinity), _OPTIONS, group=group)
        _assert_same(found, expected)
    _assert_same(ops.graph_merge_batch(iter(semantic), iter(affinity), _OPTIONS), expected)
    with pytest.raises(TypeError, match=r"`affinity` must be a list, one entry .*: None"):
        ops.graph_merge_batch(semantic, None)
    with pytest.raises(TypeError, match=r"`semantic` must be a list, one entry .*: 3"):
        ops.graph_merge_batch(3, affinity)


def test_options_that_are_not_there():
    rng = np.random.default_rng(0)
    image = _probabilities(rng, 4, 6)
    with pytest.raises(TypeError, match="min_pixel"):
        ops.graph_merge_batch([image[0]], [image[1]], min_pixel=3)
    with pytest.raises(TypeError, match=r"`options` must be MergeOptions: {'min_pixels': 3}"):
        ops.graph_merge_batch([image[0]], [image[1]], {"min_pixels": 3})
    logits = _logits(rng, 8, 8)
    with pytest.raises(TypeError, match="from_logits"):
        ops.graph_merge_from_logits(
            *logits, np.ones([8, 8], bool), semantic_stride=8, affinity_stride=8, from_logits=True
        )


def test_lists_have_the_defaults_of_single_images():
    image = _probabilities(np.random.default_rng(0), 64, 48)
    image = image[0], np.tile(image[1], [1, 1, 2])[..., :56]
    expected = ops.graph_merge(*image)
    assert len(expected.sizes) > 0
    _assert_same(ops.graph_merge_batch([image[0]], [image[1]]), [expected])
