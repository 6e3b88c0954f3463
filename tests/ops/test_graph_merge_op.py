"""The C++ op against the NumPy reference on random images full of ties."""

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg.merge_options import MergeOptions
from affinity_seg.ops import graph_merge, graph_merge_from_logits, merge_edges
from affinity_seg.ops.reference import (
    graph_merge_reference,
    merge_edges_reference,
    reference_edges,
)

_SHORT = {"distances": (1, 2, 4, 8), "stages": (2, 1, 1), "thresholds": (0.9, 0.6, 0.3)}


def _random_image(rng, height, width, num_classes, channels, levels=5):
    """Returns semantics in blobs, mostly foreground, and affinities of a handful of levels."""
    affinity = rng.integers(0, levels, [height, width, channels]) / (levels - 1)
    coarse = rng.random([height // 4 + 1, width // 4 + 1, num_classes]) ** 3
    coarse[..., 0] *= 0.6
    semantic = np.kron(coarse, np.ones([4, 4, 1]))[:height, :width]
    semantic = np.round(semantic / semantic.sum(-1, keepdims=True) * 8) / 8
    return np.clip(semantic, 0, 1).astype(np.float32), affinity.astype(np.float32)


def _assert_same(result, reference):
    assert result.class_table is None and reference.class_table is None
    for name in result._fields[: result._fields.index("class_table")]:
        actual, expected = np.asarray(getattr(result, name)), getattr(reference, name)
        assert actual.dtype == expected.dtype, name
        np.testing.assert_array_equal(actual, expected, err_msg=name)


def _compare(semantic, affinity, options, mask=None, group=0):
    """Edges may differ by one unit within 2^-8 of a half; the partition of the op's is exact."""
    result = graph_merge(semantic, affinity, options, mask=mask, group=group)
    (edges,) = merge_edges([semantic], [affinity], options, mask=[mask], group=group)
    edges = edges.numpy()
    vertices = {"mask": mask, "group": group}
    exact = reference_edges(semantic, affinity, options, **vertices, rounded=False)
    np.testing.assert_array_equal(edges == -1, exact == -1)
    assert np.abs(edges - exact).max(initial=0) <= 0.5 + 2**-8
    _assert_same(result, merge_edges_reference(edges, semantic, options, **vertices))
    return result


@pytest.mark.parametrize("seed", range(400))
def test_random_images(seed):
    rng = np.random.default_rng(seed)
    sizes = [(1, 37), (29, 1), (1, 1), (2, 3), (17, 23), (12, 30), (25, 20)]
    height, width = sizes[seed % len(sizes)]
    num_classes = int(rng.choice([2, 3, 4, 9]))
    paper = seed % 3 == 0  # distances up to 64, larger than the image
    options = {} if paper else dict(_SHORT)
    semantic, affinity = _random_image(rng, height, width, num_classes, 56 if paper else 32)
    mask = rng.random([height, width]) < 0.4 if rng.random() < 0.3 else None
    if rng.random() < 0.3:
        options["refine_classes"] = (1,)
    options = MergeOptions(
        merge_window=int(rng.choice([1, 2, 4])),
        linkage=str(rng.choice(["average", "weighted"])),
        refine=bool(rng.random() < 0.5),
        min_pixels=int(rng.choice([0, 3, 10])),
        **options,
    )
    _compare(semantic, affinity, options, mask=mask, group=int(rng.random() < 0.3))


@pytest.mark.parametrize("window", [1, 2, 4])
def test_exact_without_refinement(window):
    """Without sigma there are integers only: edges too are equal to the last unit."""
    rng = np.random.default_rng(window)
    semantic, affinity = _random_image(rng, 21, 26, 3, 32)
    options = MergeOptions(merge_window=window, refine=False, min_pixels=0, **_SHORT)
    _assert_same(
        graph_merge(semantic, affinity, options),
        graph_merge_reference(semantic, affinity, options),
    )


def test_constant_affinities():
    """Everything tied: one cluster where all affinities are 1, single windows where they are 0."""
    semantic = np.zeros([10, 13, 2], np.float32)
    semantic[..., 1] = 1
    ones = np.ones([10, 13, 32], np.float32)
    options = MergeOptions(merge_window=1, min_pixels=0, **_SHORT)
    assert _compare(semantic, ones, options).sizes.numpy().tolist() == [130]
    assert _compare(semantic, 0 * ones, options).sizes.numpy().tolist() == [1] * 130


@pytest.mark.parametrize("dtype", [tf.float32, tf.float16, tf.bfloat16])
def test_logits_and_half_precision(dtype):
    rng = np.random.default_rng(3)
    affinity = tf.cast(rng.normal(0.5, 2, [16, 18, 32]), dtype)
    semantic = tf.cast(rng.normal(0, 2, [16, 18, 4]) - [1, 0, 0, 0], dtype)
    options = MergeOptions(min_pixels=0, **_SHORT)
    mask = np.ones([16, 18], bool)
    result = graph_merge_from_logits(
        semantic[None], affinity[None], mask, options, semantic_stride=1, affinity_stride=1
    )
    (edges,) = merge_edges([semantic[None]], [affinity[None]], options, mask=[mask], strides=(1, 1))
    exact = [tf.cast(x, tf.float32).numpy() for x in (semantic, affinity)]
    expected = reference_edges(*exact, options, from_logits=True)
    assert np.abs(edges - expected).max() <= 1  # another exp
    assert len(result.classes) > 0
    (probabilities,) = merge_edges([tf.nn.softmax(exact[0])], [tf.sigmoid(exact[1])], options)
    assert np.abs(edges - probabilities).max() <= 1


def test_eighty_classes_in_two_groups():
    rng = np.random.default_rng(5)
    semantic, affinity = _random_image(rng, 12, 12, 81, 32)
    groups = (0,) + (1,) * 40 + (2,) * 40
    options = MergeOptions(groups=groups, min_pixels=0, **_SHORT)
    result = _compare(semantic, affinity, options, group=2)
    assert np.all(result.classes.numpy() > 40)
    assert result.votes.shape == (len(result.classes), 81)


def test_in_a_graph_with_unknown_sizes():
    rng = np.random.default_rng(6)
    options = MergeOptions(min_pixels=0, **_SHORT)
    semantic, affinity = _random_image(rng, 14, 9, 3, 32)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, 3]),
            tf.TensorSpec([None, None, 32]),
            tf.TensorSpec([], tf.int32),
        ]
    )
    def merge(semantic, affinity, group):
        result = graph_merge(semantic, affinity, options, group=group)
        assert result.votes.shape.as_list() == [None, 3]
        return result

    expected = graph_merge(semantic, affinity, options, group=1)
    _assert_same(merge(semantic, affinity, 1), expected.as_numpy())


def test_static_shapes():
    with tf.Graph().as_default():
        affinity = tf.compat.v1.placeholder(tf.float32, [5, None, 56])
        semantic = tf.compat.v1.placeholder(tf.float32, [None, 8, 9])
        result = graph_merge(semantic, affinity)
        (edges,) = merge_edges([semantic], [affinity])
        assert result.instance_ids.shape.as_list() == [5, 8]
        assert edges.shape.as_list()[:2] == [3, 4]
        semantic = tf.compat.v1.placeholder(tf.float32, [None, None, 9])
        mask = tf.compat.v1.placeholder(tf.bool, [None, 7])
        result = graph_merge(semantic, affinity, mask=mask)
        assert result.instance_ids.shape.as_list() == [5, 7]


def test_empty_image():
    for shape in ([0, 5], [5, 0], [0, 0]):
        result = graph_merge(tf.zeros(shape + [9]), tf.zeros(shape + [56]))
        assert result.instance_ids.shape == shape
        assert result.classes.shape == [0]
        assert result.boxes.shape == [0, 4]
        assert result.votes.shape == [0, 9]
