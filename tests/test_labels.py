"""What class tables mean, and their rules."""

import dataclasses
import os

import numpy as np
import pytest

from affinity_seg import class_tables, labels

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def test_stuff_has_no_instances_and_is_not_void():
    image = np.array([[7, 11, 23, 26001, 26, 24003, 29001, 4]], np.uint16)
    classes, instances = class_tables.CITYSCAPES_19.decode(image)
    void, none = labels.VOID_CLASS, labels.VOID_INSTANCE
    assert classes.tolist() == [[0, 2, 10, 13, 13, 11, void, void]]
    assert instances.tolist() == [[0, 0, 0, 26001, none, 24003, none, none]]
    np.testing.assert_array_equal(instances, class_tables.CITYSCAPES.decode(image)[1])


def test_decode_cityscapes():
    image = np.array([[7, 26001, 26, 24003], [1, 29, 29001, 11]], np.uint16)
    classes, instances = class_tables.CITYSCAPES.decode(image)
    void, car, person = labels.VOID_CLASS, 3, 1
    assert classes.tolist() == [[0, car, car, person], [void, void, void, 0]]
    none = labels.VOID_INSTANCE
    assert instances.tolist() == [[0, 26001, none, 24003], [none, none, none, 0]]


def test_decode_ids():
    table = class_tables.load_class_table(os.path.join(_ROOT, "configs/class_tables/nuclei.yaml"))
    classes, instances = table.decode(np.array([[0, 1, 65535]], np.uint16))
    assert classes.tolist() == [[0, 1, 1]]
    assert instances.tolist() == [[0, 1, 65535]]
    assert table.groups == (0, 1)


def test_encode_is_the_inverse():
    value = class_tables.CITYSCAPES.encode(3, 17)
    classes, instances = class_tables.CITYSCAPES.decode(np.array([[value]], np.uint16))
    assert (classes.item(), instances.item()) == (3, value)


def test_default_groups():
    assert labels.default_groups(9) == (0, 1, 1, 2, 2, 2, 2, 3, 3)
    assert labels.default_groups(2) == (0, 1)
    assert labels.default_groups(20) == (0,) + (1,) * 19


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("label_ids", (24,), "`label_ids` must give one label id per foreground class, 8"),
        ("label_ids", (24, 24, 26, 27, 28, 31, 32, 33), "`label_ids` must be different"),
        ("label_ids", (24, 25, 26, 27, 28, 31, 32, 70), "`label_ids` must be at most 64"),
        ("void_label_ids", (24,), "`void_label_ids` must not hold a class's label id"),
        ("stuff_label_ids", (7,), "`stuff_label_ids` must be some of `label_ids`"),
        ("stuff_label_ids", ("24",), "`stuff_label_ids` must be integers"),
        ("groups", (0, 1), "`groups` must have one entry per class, 9"),
        ("groups", (0, 1, 1, 2, 2, 2, 2, 4, 4), "consecutive from 1"),
        ("encoding", "rgb", "`encoding` must be one of"),
        ("encoding", "ids", "'ids' is for a single foreground class"),
        ("colors", ((0, 0, 0),), "`colors` must have 9 entries: 1"),
        ("name", 3, "`name` must be a text: 3"),
        ("class_names", (*"abcdefgh", 9), "`class_names` must be texts"),
        ("class_names", "abcdefghi", "`class_names` must be texts"),
        ("class_names", tuple("abcdefghh"), "`class_names` must be different"),
        ("class_names", (), "`class_names` must name the background and"),
        ("label_ids", (True, 25, 26, 27, 28, 31, 32, 33), "`label_ids` must be integers"),
        ("label_ids", (0, 25, 26, 27, 28, 31, 32, 33), r"integers in \[1, 255\]"),
        ("void_label_ids", (-2,), r"`void_label_ids` must be integers in \[-1, 255\]"),
        ("void_label_ids", ("a",), "`void_label_ids` must be integers"),
        ("groups", (0, 1, 1, 2, 2, 2, 2, 3, True), "`groups` must be integers"),
        ("colors", ((0, 0),) * 9, "`colors` must be three integers"),
        ("colors", ((0, 0, 256),) * 9, "`colors` must be three integers"),
        ("class_names", ("background",), "`class_names` must name the background and"),
    ],
)
def test_rules(field, value, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(class_tables.CITYSCAPES, **{field: value})
