"""Lists of images give what the images give one by one."""

import inspect

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg import ops
from affinity_seg.ops import arguments

_OPTIONS = {
    "distances": (1, 2, 4, 8),
    "stages": (2, 1, 1),
    "thresholds": (0.8, 0.6, 0.3),
    "min_pixels": 4,
    "return_edges": True,
}
_SIZES = ((20, 31), (64, 48), (1, 1), (0, 5), (33, 16))
_GROUPS = (0, 1, 2, 0, 1)


def _probabilities(rng, height, width, dtype=np.float32):
    semantic = rng.dirichlet([0.1, 0.1, 0.1], [height, width])
    return rng.uniform(0, 1, [height, width, 32]).astype(dtype), semantic.astype(dtype)


def _logits(rng, height, width):
    size = [2, -(-height // 8), -(-width // 8)]
    affinity, semantic = rng.normal(1, 2, [*size, 32]), rng.normal(0, 2, [*size, 3])
    return affinity.astype(np.float32), semantic.astype(np.float32)


def _assert_same(found, expected):
    for (result, edges), (expected_result, expected_edges) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(edges, expected_edges)
        for a, b in zip(result, expected_result, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("num_threads", [0, 1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_probabilities(num_threads, dtype):
    rng = np.random.default_rng(num_threads)
    images = [_probabilities(rng, *size, dtype) for size in _SIZES]
    masks = [None, *(rng.random(size) < 0.8 for size in _SIZES[1:])]
    expected = [
        ops.graph_merge(*image, mask=mask, group=group, groups=(0, 1, 2), **_OPTIONS)
        for image, mask, group in zip(images, masks, _GROUPS, strict=True)
    ]
    assert sum(len(result.sizes) for result, _ in expected) > 10
    found = ops.graph_merge_batch(
        *zip(*images, strict=True),
        mask=masks,
        group=_GROUPS,
        groups=(0, 1, 2),
        num_threads=num_threads,
        **_OPTIONS,
    )
    _assert_same(found, expected)


def test_logits_inside_a_graph():
    rng = np.random.default_rng(0)
    images = [_logits(rng, *size) for size in _SIZES]
    masks = [np.ones(size, bool) for size in _SIZES]
    options = {"affinity_stride": 8, "semantic_stride": 8, **_OPTIONS}

    @tf.function
    def merge():
        found = ops.graph_merge_from_logits_batch(*zip(*images, strict=True), masks, **options)
        # What is known of the shapes when the graph is built.
        for (result, _), size in zip(found, _SIZES, strict=True):
            assert tuple(result.instance_ids.shape) == size
            assert result.votes.shape.as_list() == [None, 3]
        return found

    expected = [
        ops.graph_merge_from_logits(*image, mask, **options)
        for image, mask in zip(images, masks, strict=True)
    ]
    _assert_same(merge(), expected)


def test_an_empty_list_has_no_results():
    assert ops.graph_merge_batch([], []) == []


def test_errors_tell_the_image():
    rng = np.random.default_rng(0)
    affinity, semantic = (list(a) for a in zip(*[_probabilities(rng, 4, 6)] * 3, strict=True))
    affinity[2] = affinity[2] + 1
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"image 2 of the list: `affinity` m"):
        ops.graph_merge_batch(affinity, semantic, **_OPTIONS)
    affinity[1] = affinity[1][:, :5]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"image 1 of the list: `semantic` m"):
        ops.graph_merge_batch(affinity, semantic, **_OPTIONS)
    with pytest.raises(ValueError, match=r"`semantic` must have one entry for each .* 3: 2"):
        ops.graph_merge_batch(affinity, semantic[:2], **_OPTIONS)
    with pytest.raises(ValueError, match=r"`group` must have one entry for each .* 3: 1"):
        ops.graph_merge_batch(affinity, semantic, group=[0], **_OPTIONS)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"must all be float.*is float16"):
        ops.graph_merge_batch(affinity, [semantic[0].astype(np.float16)] * 3, **_OPTIONS)


def test_lists_of_any_kind():
    rng = np.random.default_rng(0)
    affinity, semantic = (np.stack(a) for a in zip(*[_probabilities(rng, 6, 8)] * 2, strict=True))
    expected = ops.graph_merge_batch(list(affinity), list(semantic), **_OPTIONS)
    for group in (np.int64(0), tf.constant(0), np.array([0, 0]), (0, 0)):
        found = ops.graph_merge_batch(tf.constant(affinity), semantic, group=group, **_OPTIONS)
        _assert_same(found, expected)
    _assert_same(ops.graph_merge_batch(iter(affinity), iter(semantic), **_OPTIONS), expected)
    with pytest.raises(TypeError, match=r"`affinity` must be a list, one entry .*: None"):
        ops.graph_merge_batch(None, semantic)
    with pytest.raises(TypeError, match=r"`semantic` must be a list, one entry .*: 3"):
        ops.graph_merge_batch(affinity, 3)


def test_options_that_are_not_there():
    rng = np.random.default_rng(0)
    image = _probabilities(rng, 4, 6)
    with pytest.raises(TypeError, match="min_pixel"):
        ops.graph_merge_batch([image[0]], [image[1]], min_pixel=3)
    logits = _logits(rng, 8, 8)
    with pytest.raises(TypeError, match="`from_logits` is not an argument"):
        ops.graph_merge_from_logits(
            *logits, np.ones([8, 8], bool), affinity_stride=8, semantic_stride=8, from_logits=True
        )


def test_lists_have_the_defaults_of_single_images():
    single = inspect.signature(ops.graph_merge).parameters
    shared = inspect.signature(arguments.checked_options).parameters
    options = [name for name in shared if name not in ("semantic_shape", "rank")]
    assert {name: single[name].default for name in options} == {
        name: shared[name].default for name in options
    }
