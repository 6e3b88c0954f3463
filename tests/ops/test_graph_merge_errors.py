"""Messages of the op and the reference name the argument, the rule and the value."""

import os

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg import neighbors
from affinity_seg.merge_options import MergeOptions
from affinity_seg.ops import graph_merge, graph_merge_from_logits, loader
from affinity_seg.ops.reference import graph_merge_reference

_WHOLE_NUMBERS = ("merge_window", "min_pixels")
_LISTS = ("distances", "stages", "groups", "refine_classes")


def _inputs(height=4, width=6, channels=56, num_classes=9):
    affinity = np.full([height, width, channels], 0.5, np.float32)
    semantic = np.zeros([height, width, num_classes], np.float32)
    semantic[..., 1:2] = 1
    return semantic, affinity


_BAD_VALUES = [
    ({"distances": ()}, r"`distances` must not be empty: \(\)"),
    ({"distances": (1, 2, 2, 8, 16, 32, 64)}, r"`distances` must be strictly incr.*: \(1, 2, 2"),
    ({"distances": (0, 2, 4, 8, 16, 32, 64)}, r"`distances` must be in \[1, 1048576\]: \(0, 2"),
    ({"distances": (1, 2, 4, 8, 16, 32, 2**40)}, r"`distances` must be in .*, 1099511627776\)"),
    (
        {"distances": (1, 2, 5, 8, 16, 32, 64)},
        r"`distances` above `merge_window` must be multiples of it, 2: \(1, 2, 5",
    ),
    ({"stages": (3, 2, 1)}, r"`stages` must add up to the 7 distances, .*: \(3, 2, 1\)"),
    ({"stages": ()}, r"`stages` must have positive entries: \(\)"),
    ({"stages": (3, 4, 0)}, r"`stages` must have positive entries: \(3, 4, 0\)"),
    ({"thresholds": (0.9, 0.5, 0.0)}, r"`thresholds` must be in \[1e-06, 1.0\]: \(0.9, 0.5, 0.0\)"),
    ({"thresholds": (2.0, 0.5, 0.3)}, r"`thresholds` must be in \[1e-06, 1.0\]: \(2.0"),
    ({"thresholds": (1.0000001, 0.5, 0.3)}, r"`thresholds` must be in \[1e-06, 1.0\]: \(1.0000001"),
    ({"thresholds": (0.9, 0.5, np.nan)}, r"`thresholds` must be in \[1e-06, 1.0\]: .*nan\)"),
    ({"thresholds": (0.9, 0.5, 1e-7)}, r"`thresholds` must be in \[1e-06, 1.0\]: .*1e-07\)"),
    ({"thresholds": (0.5, 0.9, 0.3)}, r"`thresholds` must never increase: \(0.5, 0.9"),
    ({"thresholds": (0.5, 0.5000001, 0.3)}, r"`thresholds` must never increase: \(0.5, 0.5000001"),
    ({"thresholds": (0.5,)}, r"`thresholds` must have one entry per stage, 3: \(0.5,\)"),
    ({"thresholds": ()}, r"`thresholds` must have one entry per stage, 3: \(\)"),
    ({"groups": ()}, r"`groups` must have at least 2 entries: \(\)"),
    ({"groups": (0,)}, r"`groups` must have at least 2 entries: \(0,\)"),
    ({"groups": (0, 1)}, r"`groups` must have one entry per class, 9: \(0, 1\)"),
    ({"groups": (0, 1, 1, 1, 1, 1, 1, 1, 3)}, "`groups` must be 0 .* consecutive from 1"),
    ({"groups": (1,) * 9}, "`groups` must be 0 for the background"),
    ({"merge_window": 3}, "`merge_window` must be 1, 2 or 4: 3"),
    ({"merge_window": 2**32 + 2}, "`merge_window` must be 1, 2 or 4: 4294967298"),
    ({"alpha": np.nan}, r"`alpha` must be in \[1e-06, 1000000.0\]: nan"),
    ({"alpha": np.inf}, r"`alpha` must be in \[1e-06, 1000000.0\]: inf"),
    ({"alpha": 0}, r"`alpha` must be in \[1e-06, 1000000.0\]: 0.0"),
    ({"alpha": 1000000.5}, r"`alpha` must be in \[1e-06, 1000000.0\]: 1000000.5"),
    ({"alpha": 1e-9}, r"`alpha` must be in \[1e-06, 1000000.0\]: 1e-09"),
    ({"refine_classes": (0,)}, r"`refine_classes` must be in \[1, 254\]: \(0,\)"),
    ({"refine_classes": (9,)}, r"`refine_classes` must be in \[1, 8\]: \(9,\)"),
    ({"linkage": "single"}, r"`linkage` must be one of \('average', 'weighted'\): 'single'"),
    ({"min_pixels": -1}, r"`min_pixels` must be in \[0, 2147483647\]: -1"),
    ({"min_pixels": 2**31}, r"`min_pixels` must be in \[0, 2147483647\]: 2147483648"),
]

_BAD_TYPES = [
    ({"linkage": None}, r"`linkage` must be of type str: None"),
    ({"linkage": np.array(["average", "weighted"])}, r"`linkage` must be of type str: array"),
    ({"alpha": 10**400}, r"`alpha` must be of type float: 10000"),
    *(({name: None}, f"`{name}` must be .*: None") for name in _WHOLE_NUMBERS),
    *(({name: 1.5}, rf"`{name}` must be of type int: 1\.5") for name in _WHOLE_NUMBERS),
    *(({name: (1.5,)}, rf"`{name}` must be of type int: 1\.5") for name in _LISTS),
    *(({name: 2}, f"`{name}` must be a list: 2") for name in _LISTS),
    *(({name: None}, f"`{name}` must be .*: None") for name in _LISTS if name != "groups"),
    ({"refine": None}, "`refine` must be of type bool: None"),
    ({"thresholds": None}, "`thresholds` must be a list: None"),
    ({"thresholds": ("0.5",)}, "`thresholds` must be of type float: '0.5'"),
    ({"alpha": None}, "`alpha` must be of type float: None"),
    ({"alpha": "5"}, "`alpha` must be of type float: '5'"),
]

_BAD_ARGUMENTS = [
    (ValueError, {"group": 4}, r"`group` must be in \[0, 3\]: 4"),
    (ValueError, {"group": np.int64(-1)}, r"`group` must be in \[0, 3\]: -1"),
    (TypeError, {"group": None}, "`group` must be .*: None"),
    (TypeError, {"group": 1.5}, r"`group` must be of type int: 1\.5"),
    (TypeError, {"mask": np.ones([4, 6], np.uint8)}, "`mask` must be bool: uint8"),
    (TypeError, {"mask": np.ones([4, 6])}, "`mask` must be bool: float64"),
]


@pytest.mark.parametrize("merge", [graph_merge, graph_merge_reference])
@pytest.mark.parametrize(("options", "message"), _BAD_VALUES)
def test_bad_value(merge, options, message):
    with pytest.raises(ValueError, match=message):
        merge(*_inputs(), MergeOptions(**options))


@pytest.mark.parametrize(("options", "message"), _BAD_TYPES)
def test_bad_type(options, message):
    with pytest.raises(TypeError, match=message):
        MergeOptions(**options)


@pytest.mark.parametrize("wrap", [lambda function: function, tf.function])
@pytest.mark.parametrize(("error", "arguments", "message"), _BAD_ARGUMENTS)
def test_bad_argument(wrap, error, arguments, message):
    with pytest.raises(error, match=message):
        wrap(lambda *inputs: graph_merge(*inputs, **arguments))(*_inputs())
    with pytest.raises(error, match=message):
        graph_merge_reference(*_inputs(), **arguments)


@pytest.mark.parametrize(
    ("error", "options", "message"),
    [
        (ValueError, {"thresholds": (0.9, 0.5, 1e-7)}, r"`thresholds` must be in .*1e-07\)"),
        (ValueError, {"distances": ()}, r"`distances` must not be empty: \(\)"),
        (ValueError, {"refine_classes": (9,)}, r"`refine_classes` must be in .*: \(9,\)"),
        (TypeError, {"min_pixels": None}, "`min_pixels` must be of type int: None"),
    ],
)
def test_bad_option_in_a_function(error, options, message):
    with pytest.raises(error, match=message):
        tf.function(lambda *inputs: graph_merge(*inputs, MergeOptions(**options)))(*_inputs())


def test_arguments_of_the_op_alone():
    semantic, affinity = _inputs()
    for name in ("affinity", "semantic"):
        with pytest.raises(TypeError, match=f"`{name}` must be given: None"):
            graph_merge(**{"affinity": affinity, "semantic": semantic, name: None})
    with pytest.raises(TypeError, match="`options` must be MergeOptions: None"):
        graph_merge(semantic, affinity, None)
    logits = {"semantic_stride": 1, "affinity_stride": 1}
    with pytest.raises(TypeError, match="`mask` must be given: None"):
        graph_merge_from_logits(semantic[None], affinity[None], None, **logits)
    with pytest.raises(TypeError, match="`group` must be int32 where it is a tensor: int64"):
        graph_merge(semantic, affinity, group=tf.constant(1, tf.int64))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"`group` must be in \[0, 3\]: 4"):
        graph_merge(semantic, affinity, group=tf.constant(4))


def test_numbers_of_other_kinds():
    options = MergeOptions(
        distances=np.array(neighbors.DISTANCES),
        stages=iter(neighbors.STAGES),
        thresholds=np.array([0.97, 0.7, 0.3]),
        merge_window=np.uint8(2),
        alpha=5,
        refine=np.bool_(True),
        min_pixels=np.array(0),
    )
    assert options == MergeOptions(min_pixels=0)
    expected = graph_merge(*_inputs(), MergeOptions(min_pixels=0), group=1).sizes
    found = graph_merge(*_inputs(), options, group=np.int64(1), mask=[[True] * 6] * 4).sizes
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("wrap", [lambda function: function, tf.function])
@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (([4, 6, 55], [4, 6, 9], [4, 6]), r"`affinity` must have 8 channels .* 56: \[4,6,55\]"),
        (([24, 56], [4, 6, 9], [4, 6]), r"`affinity` must have rank 3: \[24,56\]"),
        (([], [4, 6, 9], None), r"`affinity` must have rank 3: \[\]"),
        (([4, 6, 56], [4, 5, 9], [4, 6]), r"`semantic` must have the height .* 4x6: \[4,5,9\]"),
        (([4, 6, 56], [1, 4, 6, 9], [4, 6]), r"`semantic` must have rank 3: \[1, 4, 6, 9\]"),
        (([4, 6, 56], [], [4, 6]), r"`semantic` must have rank 3: \[\]"),
        (([4, 6, 56], [4, 6, 1], [4, 6]), r"`semantic` must have at least 2 .*: \[4, 6, 1\]"),
        (([4, 6, 56], [4, 6, 9], [4, 5]), r"`mask` must have the height .* 4x6: \[4,5\]"),
        (([4, 6, 56], [4, 6, 9], [0, 0]), r"`mask` must have the height .* 4x6: \[0,0\]"),
        (([4, 6, 56], [4, 6, 9], [24]), r"`mask` must have rank 2: \[24\]"),
    ],
)
def test_bad_shape(wrap, shapes, message):
    mask = None if shapes[2] is None else tf.ones(shapes[2], tf.bool)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=message):
        wrap(graph_merge)(tf.zeros(shapes[1]), tf.zeros(shapes[0]), mask=mask)


@pytest.mark.parametrize("wrap", [lambda function: function, tf.function])
def test_group_is_a_scalar(wrap):
    with pytest.raises(
        (ValueError, tf.errors.InvalidArgumentError), match=r"`group` must have rank 0: \[1\]"
    ):
        wrap(graph_merge)(*_inputs(), group=tf.constant([1]))


def test_number_of_classes_must_be_known():
    signature = [tf.TensorSpec(None), tf.TensorSpec([None, None, 56])]
    with pytest.raises(ValueError, match=r"`groups` must be given where .*unknown: None"):
        tf.function(
            lambda semantic, affinity: graph_merge(semantic, affinity), input_signature=signature
        )(*_inputs())
    merge = tf.function(
        lambda semantic, affinity: graph_merge(semantic, affinity, MergeOptions(groups=(0, 1))),
        input_signature=signature,
    )
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"one channel for each of `groups`, 2: \[4,6,9\]"
    ):
        merge(*_inputs())


@pytest.mark.parametrize("wrap", [lambda function: function, tf.function])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"linkage": "single"}, "`linkage` must be average or weighted: single"),
        ({"distances": []}, r"`distances` must not be empty: \(\)"),
        ({"stages": []}, r"`stages` must add up to the number of `distances`, 1: \(\)"),
        ({"thresholds": []}, r"`thresholds` must have one entry per stage, 1: \(\)"),
        ({"groups": [0]}, r"`groups` must have at least 2 entries: \(0\)"),
    ],
)
def test_the_op_checks_too(wrap, options, message):
    """As where a program loads a graph that another front end has built."""
    options = {
        "distances": [1],
        "stages": [1],
        "thresholds": [0.5],
        "groups": [0, 1],
        "group": [0],
        **options,
    }
    channels = 8 * len(options["distances"])
    semantic, affinity = _inputs(channels=channels, num_classes=len(options["groups"]))
    options |= {"semantic": [semantic], "affinity": [affinity], "mask": [np.ones([4, 6], bool)]}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        wrap(lambda: loader.load_library().graph_merge(**options))()


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (([4, 6, 55], [4, 6, 9], None), r"`affinity` must have shape .*56\): \(4, 6, 55\)"),
        (([24, 56], [4, 6, 9], None), r"`affinity` must have shape .*56\): \(24, 56\)"),
        (([4, 6, 56], [24, 9], None), r"`semantic` must have rank 3: \[24, 9\]"),
        (([4, 6, 56], [4, 6, 1], None), r"`semantic` must have at least 2 channels, .*6, 1\]"),
        (([4, 6, 56], [4, 6, 9], [4, 5]), r"`mask` must be as large as .*\(4, 6\): \(4, 5\)"),
    ],
)
def test_bad_shape_of_the_reference(shapes, message):
    affinity, semantic = (np.zeros(shape, np.float32) for shape in shapes[:2])
    mask = None if shapes[2] is None else np.ones(shapes[2], bool)
    with pytest.raises(ValueError, match=message):
        graph_merge_reference(semantic, affinity, mask=mask)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(value):
    semantic, affinity = _inputs()
    logits = {"mask": np.ones([4, 6], bool), "semantic_stride": 1, "affinity_stride": 1}
    affinity[2, 3, 17] = value
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"`affinity` must be in \[0, 1\]: .*at \[2, 3, 17\]"
    ):
        graph_merge(semantic, affinity)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"`affinity` must be finite: .*at \[2, 3, 17\]"
    ):
        graph_merge_from_logits(semantic[None], affinity[None], **logits)
    semantic[1, 0, 4] = value
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"`semantic` must be in \[0, 1\]: .*at \[1, 0, 4\]"
    ):
        graph_merge(semantic, affinity)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"`semantic` must be finite: .*at \[1, 0, 4\]"
    ):
        graph_merge_from_logits(semantic[None], affinity[None], **logits)


def test_outside_zero_and_one():
    semantic, affinity = _inputs()
    affinity[0, 0, 0] = 1.0009  # within the tolerance
    affinity[0, 0, 1] = -0.0009
    graph_merge(semantic, affinity)
    affinity[0, 0, 0] = 1.002
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"`affinity` must be in \[0, 1\]: 1.0"
    ):
        graph_merge(semantic, affinity)


def test_affinities_of_the_background_are_not_read():
    semantic, affinity = _inputs()
    semantic[:2, :2] = np.eye(9)[0]
    affinity[:2, :2] = np.nan
    graph_merge(semantic, affinity)


@pytest.mark.parametrize(
    ("affinity_type", "semantic_type", "message"),
    [
        (np.int32, np.int32, "`affinity` is int32"),
        (np.float64, np.float64, "`affinity` is float64"),
        (np.float32, np.float16, "`semantic` is float16"),
    ],
)
def test_bad_dtype(affinity_type, semantic_type, message):
    semantic, affinity = _inputs()
    with pytest.raises(TypeError, match=message):
        graph_merge(semantic.astype(semantic_type), affinity.astype(affinity_type))


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
