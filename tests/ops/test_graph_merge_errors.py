"""Bad input to the op is an InvalidArgument that names the argument, the rule and the value."""

import os

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg.ops import graph_merge, loader


def _inputs(height=4, width=6, channels=56, num_classes=9):
    affinity = np.full([height, width, channels], 0.5, np.float32)
    semantic = np.zeros([height, width, num_classes], np.float32)
    semantic[..., 1] = 1
    return affinity, semantic


_BAD_OPTIONS = {
    "distances": ({"distances": (1, 2, 2, 8, 16, 32, 64)}, "`distances` must be strictly increas"),
    "multiples": (
        {"distances": (1, 2, 5, 8, 16, 32, 64)},
        r"`distances` above `merge_window` must be multiples of it, 2: \(1, 2, 5",
    ),
    "stages": ({"stages": (3, 2, 1)}, r"`stages` must add up to .* 7: \(3, 2, 1\)"),
    "threshold zero": ({"thresholds": (0.9, 0.5, 0.0)}, r"`thresholds` must be in \(0, 1\]"),
    "threshold two": ({"thresholds": (2.0, 0.5, 0.3)}, r"`thresholds` must be in \(0, 1\]: \(2"),
    "increasing": ({"thresholds": (0.5, 0.9, 0.3)}, "`thresholds` must not increase: .0.5, 0.9"),
    "count": ({"thresholds": (0.5,)}, "`thresholds` must have one entry per stage, 3"),
    "groups": ({"groups": (0, 1, 1, 1, 1, 1, 1, 1, 3)}, "`groups` must be consecutive from 1"),
    "groups zero": ({"groups": (1,) * 9}, "`groups` must start with 0"),
    "groups length": (
        {"groups": (0, 1)},
        r"`semantic` must have one channel for each of `groups`, 2: \[4,6,9\]",
    ),
    "window": ({"merge_window": 3}, "`merge_window` must be 1, 2 or 4: 3"),
    "window zero": ({"merge_window": 0}, "`merge_window` must be 1, 2 or 4: 0"),
    "alpha": ({"alpha": float("nan")}, "`alpha` must be in"),
    "refine": ({"refine_classes": (0,)}, r"`refine_classes` must be in \[1, 8\]: \(0\)"),
    "linkage": ({"linkage": "single"}, "linkage"),
    "group": ({"group": 4}, r"`group` must be in \[0, 3\]: 4"),
    "group below": ({"group": -1}, r"`group` must be in \[0, 3\]: -1"),
    "mask": ({"mask": np.ones([4, 5], bool)}, r"`mask` must have the height .* 4x6.*: \[4,5\]"),
    "min_pixels": ({"min_pixels": -1}, "`min_pixels` must not be negative: -1"),
}


@pytest.mark.parametrize("name", _BAD_OPTIONS)
def test_bad_option(name):
    options, message = _BAD_OPTIONS[name]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        graph_merge(*_inputs(), **options)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (([4, 6, 55], [4, 6, 9]), r"`affinity` must have 8 channels .* 56: \[4,6,55\]"),
        (([4, 6, 56], [4, 5, 9]), r"`semantic` must have the height .* 4x6: \[4,5,9\]"),
        (([24, 56], [4, 6, 9]), r"`affinity` must have rank 3: \[24,56\]"),
        (([4, 6, 56], [1, 4, 6, 9]), r"`semantic` must have rank 3: \[1,4,6,9\]"),
    ],
)
def test_bad_shape(shapes, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        graph_merge(tf.zeros(shapes[0]), tf.zeros(shapes[1]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("from_logits", [False, True])
def test_not_finite(value, from_logits):
    affinity, semantic = _inputs()
    rule = "finite" if from_logits else r"in \[0, 1\]"
    affinity[2, 3, 17] = value
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=rf"`affinity` must be {rule}: .*at \[2, 3, 17\]"
    ):
        graph_merge(affinity, semantic, from_logits=from_logits)
    semantic[1, 0, 4] = value
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=rf"`semantic` must be {rule}: .*at \[1, 0, 4\]"
    ):
        graph_merge(affinity, semantic, from_logits=from_logits)


def test_outside_zero_and_one():
    affinity, semantic = _inputs()
    affinity[0, 0, 0] = 1.0009  # within the tolerance
    affinity[0, 0, 1] = -0.0009
    graph_merge(affinity, semantic)
    affinity[0, 0, 0] = 1.002
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"`affinity` must be in \[0, 1\]: 1.0"
    ):
        graph_merge(affinity, semantic)


def test_affinities_of_the_background_are_not_read():
    affinity, semantic = _inputs()
    semantic[:2, :2] = np.eye(9)[0]
    affinity[:2, :2] = np.nan
    graph_merge(affinity, semantic)


@pytest.mark.parametrize(
    ("affinity_type", "semantic_type", "message"),
    [
        (np.int32, np.int32, "`affinity` is int32"),
        (np.float64, np.float64, "`affinity` is float64"),
        (np.float32, np.float16, "`semantic` is float16"),
    ],
)
def test_bad_dtype(affinity_type, semantic_type, message):
    affinity, semantic = _inputs()
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        graph_merge(affinity.astype(affinity_type), semantic.astype(semantic_type))


def test_missing_library(monkeypatch, tmp_path):
    monkeypatch.setattr(loader, "BUILT_LIBRARY", str(tmp_path / "a.so"))
    monkeypatch.setattr(loader, "INSTALLED_LIBRARY", str(tmp_path / "b.so"))
    with pytest.raises(FileNotFoundError, match="bazel build //cc:graph_merge_op"):
        loader.find_library()


def test_library_for_another_tensorflow(monkeypatch, tmp_path):
    with open(loader.find_library(), "rb") as file:
        content = file.read()
    assert loader.built_for(loader.find_library()) == tf.__version__
    other = tmp_path / "graph_merge_op.so"
    version = tf.__version__.encode()
    other.write_bytes(content.replace(b"tensorflow " + version + b";", b"tensorflow 2.01.0;"))
    monkeypatch.setattr(loader, "BUILT_LIBRARY", os.fspath(other))
    with pytest.raises(ImportError, match=r"built for TensorFlow 2\.01\.0, installed is "):
        loader.load_library.__wrapped__()
