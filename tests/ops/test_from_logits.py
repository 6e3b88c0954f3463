"""The op on logits at the network's stride against the same steps in TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg import neighbors
from affinity_seg.merge_options import MergeOptions
from affinity_seg.modeling.upsampling import upsample_logits
from affinity_seg.ops import graph_merge_from_logits, merge_edges
from affinity_seg.ops.reference import merge_edges_reference
from affinity_seg.pipeline.probabilities import semantic_probabilities

_DISTANCES = (1, 2, 4, 8)
_OPTIONS = {"distances": _DISTANCES, "stages": (2, 1, 1), "thresholds": (0.8, 0.6, 0.3)}


def _random_logits(rng, flips, rows, columns, channels, scale):
    return rng.normal(0.5, scale, [flips, rows, columns, channels]).astype(np.float32)


def _affinity_probabilities(logits, stride, height, width):
    probabilities = tf.sigmoid(upsample_logits(tf.constant(logits), stride, height, width))
    if len(logits) == 1:
        return probabilities[0]
    mirrored = tf.gather(probabilities[1, :, ::-1], neighbors.mirrored(_DISTANCES), axis=-1)
    return (probabilities[0] + mirrored) / 2


@pytest.mark.parametrize("seed", range(40))
def test_equals_upsampling_outside(seed):
    rng = np.random.default_rng(seed)
    height, width = (int(v) for v in rng.integers(1, 45, 2))
    strides = [int(rng.choice([1, 2, 4, 8, 16])) for _ in range(2)]
    flips = [int(v) for v in rng.integers(1, 3, 2)]
    # Networks also see padding: more logits than the image has.
    affinity, semantic = (
        _random_logits(
            rng, f, -(-height // s) + rng.integers(3), -(-width // s) + rng.integers(3), c, 2
        )
        for f, s, c in zip(flips, strides, (32, 4), strict=True)
    )
    mask = rng.random([height, width]) < 0.9
    options = MergeOptions(min_pixels=0, merge_window=int(rng.choice([1, 2, 4])), **_OPTIONS)
    result = graph_merge_from_logits(
        semantic,
        affinity,
        mask,
        options,
        semantic_stride=strides[1],
        affinity_stride=strides[0],
    )
    (edges,) = merge_edges(
        [semantic], [affinity], options, mask=[mask], strides=(strides[1], strides[0])
    )
    outside = semantic_probabilities(tf.constant(semantic), strides[1], height, width)
    (expected,) = merge_edges(
        [outside],
        [_affinity_probabilities(affinity, strides[0], height, width)],
        options,
        mask=[mask],
    )
    # Rounding to float32 in another order moves a probability by at most a unit, an edge too.
    np.testing.assert_array_equal(edges == -1, expected == -1)
    np.testing.assert_allclose(edges, expected, rtol=0, atol=1)
    reference = merge_edges_reference(edges.numpy(), outside.numpy(), options, mask=mask)
    np.testing.assert_array_equal(result.instance_ids, reference.instance_ids)
    np.testing.assert_array_equal(result.sizes, reference.sizes)
    np.testing.assert_array_equal(result.scores, reference.scores)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_half_precision_is_that_of_the_input(dtype):
    rng = np.random.default_rng(0)
    affinity = tf.cast(_random_logits(rng, 2, 4, 5, 32, 2), dtype)
    semantic = tf.cast(_random_logits(rng, 1, 2, 3, 3, 2), dtype)
    mask = np.ones([29, 40], bool)
    options = MergeOptions(min_pixels=0, **_OPTIONS)
    strides = {"semantic_stride": 16, "affinity_stride": 8}
    result = graph_merge_from_logits(semantic, affinity, mask, options, **strides)
    same = graph_merge_from_logits(
        tf.cast(semantic, tf.float32), tf.cast(affinity, tf.float32), mask, options, **strides
    )
    for a, b in zip(result, same, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_changes_nothing(threads):
    rng = np.random.default_rng(1)
    affinity = _random_logits(rng, 1, 20, 30, 56, 2) + 3
    semantic = _random_logits(rng, 1, 20, 30, 3, 1)
    strides = {"semantic_stride": 8, "affinity_stride": 8}
    mask = np.ones([160, 240], bool)
    expected = graph_merge_from_logits(semantic, affinity, mask, **strides)
    result = graph_merge_from_logits(semantic, affinity, mask, num_threads=threads, **strides)
    lists = {"semantic": [semantic], "affinity": [affinity], "mask": [mask], "strides": (8, 8)}
    edges, same_edges = (merge_edges(num_threads=n, **lists)[0] for n in (0, threads))
    np.testing.assert_array_equal(edges, same_edges)
    for a, b in zip(result, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def _call(
    affinity_shape=(1, 2, 2, 32), semantic_shape=(1, 2, 2, 3), mask_shape=(16, 16), **arguments
):
    return graph_merge_from_logits(
        np.zeros(semantic_shape, np.float32),
        np.zeros(affinity_shape, np.float32),
        np.ones(mask_shape, bool),
        MergeOptions(**_OPTIONS),
        **{"semantic_stride": 8, "affinity_stride": 8, **arguments},
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"affinity_shape": (3, 2, 2, 32)}, "`affinity` must be of the image, or of it and its"),
        ({"semantic_shape": (0, 2, 2, 3)}, "`semantic` must be of the image, or of it and its"),
        ({"mask_shape": (17, 16)}, "`affinity` at stride 8 must cover the image's 17x16 pixels"),
        ({"semantic_stride": 4}, "`semantic` at stride 4 must cover the image's 16x16 pixels"),
        ({"affinity_shape": (2, 2, 32)}, "`affinity` must have rank 4"),
        ({"affinity_shape": (1, 2, 2, 31)}, "`affinity` must have 8 channels"),
    ],
)
def test_bad_tensors(arguments, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        _call(**arguments)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"affinity_stride": 0}, "`affinity_stride` must be in .*: 0"),
        ({"semantic_shape": (2, 2, 3)}, "`semantic` must have rank 4"),
        ({"num_threads": -1}, "`num_threads` must be in .*: -1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        _call(**arguments)


def test_bad_values_are_named():
    affinity = np.zeros([2, 3, 3, 32], np.float32)
    semantic = np.zeros([1, 3, 3, 3], np.float32)
    semantic[..., 1] = 5
    affinity[1, 2, 1, 7] = np.nan
    mask, options = np.ones([20, 20], bool), MergeOptions(**_OPTIONS)
    strides = {"semantic_stride": 8, "affinity_stride": 8}
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"`affinity` must be finite: -?nan at \[1, 2, 1, 7\]"
    ):
        graph_merge_from_logits(semantic, affinity, mask, options, **strides)
    semantic[0, 1, 2, 0] = -np.inf
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"`semantic` must be finite: -inf at \[0, 1, 2, 0\]"
    ):
        graph_merge_from_logits(semantic, affinity, mask, options, **strides)


def test_empty_image():
    assert _call(mask_shape=(0, 0)).classes.shape == [0]
