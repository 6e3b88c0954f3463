"""The C++ op against the NumPy reference on random images full of ties."""

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg.ops import graph_merge
from affinity_seg.ops.reference import (
    graph_merge_reference,
    merge_edges_reference,
    reference_edges,
)

_SHORT = {"distances": (1, 2, 4, 8), "stages": (2, 1, 1), "thresholds": (0.9, 0.6, 0.3)}


def _random_image(rng, height, width, num_classes, channels, levels=5):
    """Returns affinities of a handful of levels, and semantics in blobs, mostly foreground."""
    affinity = rng.integers(0, levels, [height, width, channels]) / (levels - 1)
    coarse = rng.random([height // 4 + 1, width // 4 + 1, num_classes]) ** 3
    coarse[..., 0] *= 0.6
    semantic = np.kron(coarse, np.ones([4, 4, 1]))[:height, :width]
    semantic = np.round(semantic / semantic.sum(-1, keepdims=True) * 8) / 8
    return affinity.astype(np.float32), np.clip(semantic, 0, 1).astype(np.float32)


def _assert_same(result, reference):
    for name, actual, expected in zip(result._fields, result, reference, strict=True):
        actual = np.asarray(actual)
        assert actual.dtype == expected.dtype, name
        np.testing.assert_array_equal(actual, expected, err_msg=name)


def _compare(affinity, semantic, **options):
    """Edges may differ by one unit within 2^-8 of a half; the partition of the op's is exact."""
    result, edges = graph_merge(affinity, semantic, return_edges=True, **options)
    edges = edges.numpy()
    edge_options = {k: v for k, v in options.items() if k in reference_edges.__kwdefaults__}
    exact = reference_edges(affinity, semantic, **edge_options, rounded=False)
    np.testing.assert_array_equal(edges == -1, exact == -1)
    assert np.abs(edges - exact).max(initial=0) <= 0.5 + 2**-8
    merge_options = {k: v for k, v in options.items() if k in merge_edges_reference.__kwdefaults__}
    _assert_same(result, merge_edges_reference(edges, semantic, **merge_options))
    return result


@pytest.mark.parametrize("seed", range(400))
def test_random_images(seed):
    rng = np.random.default_rng(seed)
    sizes = [(1, 37), (29, 1), (1, 1), (2, 3), (17, 23), (12, 30), (25, 20)]
    height, width = sizes[seed % len(sizes)]
    num_classes = int(rng.choice([2, 3, 4, 9]))
    paper = seed % 3 == 0  # distances up to 64, larger than the image
    options = {} if paper else dict(_SHORT)
    affinity, semantic = _random_image(rng, height, width, num_classes, 56 if paper else 32)
    if rng.random() < 0.3:
        options["mask"] = rng.random([height, width]) < 0.4
    if rng.random() < 0.3:
        options["refine_classes"] = (1,)
    _compare(
        affinity,
        semantic,
        merge_window=int(rng.choice([1, 2, 4])),
        linkage=str(rng.choice(["average", "weighted"])),
        refine=bool(rng.random() < 0.5),
        min_pixels=int(rng.choice([0, 3, 10])),
        group=int(rng.random() < 0.3),
        **options,
    )


@pytest.mark.parametrize("window", [1, 2, 4])
def test_exact_without_refinement(window):
    """Without sigma there are integers only: edges too are equal to the last unit."""
    rng = np.random.default_rng(window)
    affinity, semantic = _random_image(rng, 21, 26, 3, 32)
    options = {"merge_window": window, "refine": False, "min_pixels": 0, **_SHORT}
    _assert_same(
        graph_merge(affinity, semantic, **options),
        graph_merge_reference(affinity, semantic, **options),
    )


def test_constant_affinities():
    """Everything tied: one cluster where all affinities are 1, single windows where they are 0."""
    semantic = np.zeros([10, 13, 2], np.float32)
    semantic[..., 1] = 1
    ones = np.ones([10, 13, 32], np.float32)
    options = {"merge_window": 1, "min_pixels": 0, **_SHORT}
    assert _compare(ones, semantic, **options).sizes.numpy().tolist() == [130]
    assert _compare(0 * ones, semantic, **options).sizes.numpy().tolist() == [1] * 130


@pytest.mark.parametrize("dtype", [tf.float32, tf.float16, tf.bfloat16])
def test_logits_and_half_precision(dtype):
    rng = np.random.default_rng(3)
    affinity = tf.cast(rng.normal(0.5, 2, [16, 18, 32]), dtype)
    semantic = tf.cast(rng.normal(0, 2, [16, 18, 4]) - [1, 0, 0, 0], dtype)
    options = {"min_pixels": 0, **_SHORT}
    result, edges = graph_merge(affinity, semantic, from_logits=True, return_edges=True, **options)
    exact = [tf.cast(x, tf.float32).numpy() for x in (affinity, semantic)]
    expected = reference_edges(*exact, from_logits=True, distances=(1, 2, 4, 8), stages=(2, 1, 1))
    assert np.abs(edges - expected).max() <= 1  # another exp
    assert len(result.classes) > 0
    probabilities = graph_merge(
        tf.sigmoid(exact[0]), tf.nn.softmax(exact[1]), return_edges=True, **options
    )
    assert np.abs(edges - probabilities[1]).max() <= 1


def test_eighty_classes_in_two_groups():
    rng = np.random.default_rng(5)
    affinity, semantic = _random_image(rng, 12, 12, 81, 32)
    groups = (0,) + (1,) * 40 + (2,) * 40
    result = _compare(affinity, semantic, groups=groups, group=2, min_pixels=0, **_SHORT)
    assert np.all(result.classes.numpy() > 40)
    assert result.votes.shape == (len(result.classes), 81)


def test_in_a_graph_with_unknown_sizes():
    rng = np.random.default_rng(6)
    affinity, semantic = _random_image(rng, 14, 9, 3, 32)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, 32]),
            tf.TensorSpec([None, None, 3]),
            tf.TensorSpec([], tf.int32),
        ]
    )
    def merge(affinity, semantic, group):
        result = graph_merge(affinity, semantic, group=group, min_pixels=0, **_SHORT)
        assert result.votes.shape.as_list() == [None, 3]
        return result

    expected = graph_merge(affinity, semantic, group=1, min_pixels=0, **_SHORT)
    _assert_same(merge(affinity, semantic, 1), [x.numpy() for x in expected])


def test_static_shapes():
    with tf.Graph().as_default():
        affinity = tf.compat.v1.placeholder(tf.float32, [5, None, 56])
        semantic = tf.compat.v1.placeholder(tf.float32, [None, 8, 9])
        result, edges = graph_merge(affinity, semantic, return_edges=True)
        assert result.instance_ids.shape.as_list() == [5, 8]
        assert edges.shape.as_list()[:2] == [3, 4]
        semantic = tf.compat.v1.placeholder(tf.float32, [None, None, 9])
        mask = tf.compat.v1.placeholder(tf.bool, [None, 7])
        result = graph_merge(affinity, semantic, mask=mask)
        assert result.instance_ids.shape.as_list() == [5, 7]


def test_empty_image():
    for shape in ([0, 5], [5, 0], [0, 0]):
        result = graph_merge(tf.zeros(shape + [56]), tf.zeros(shape + [9]))
        assert result.instance_ids.shape == shape
        assert result.classes.shape == [0]
        assert result.votes.shape == [0, 9]
