"""Class tables against the official table of Cityscapes, and their rules."""

import dataclasses
import os

import numpy as np
import pytest
from cityscapesscripts.helpers import labels as official

from affinity_seg import labels
from affinity_seg.configs.inference import InferenceConfig

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def test_cityscapes_agrees_with_the_official_scripts():
    table = labels.CITYSCAPES
    for name, label_id, color in zip(
        table.class_names[1:], table.label_ids, table.colors[1:], strict=True
    ):
        assert official.name2label[name].id == label_id
        assert official.name2label[name].color == color
        assert official.name2label[name].hasInstances
    ignored = {label.id for label in official.labels if label.ignoreInEval}
    assert set(table.void_label_ids) == ignored


def test_cityscapes_19_is_what_the_official_scripts_evaluate():
    table = labels.load_class_table("cityscapes_19")
    assert table.num_classes == 19
    assert table.class_names[:4] == ("road", "sidewalk", "building", "wall")
    assert table.class_names[11:] == labels.CITYSCAPES.class_names[1:]
    assert table.thing_label_ids == labels.CITYSCAPES.label_ids
    train_ids = table.class_of_label()
    for label in official.labels:
        if label.id >= 0:
            wanted = labels.VOID_CLASS if label.ignoreInEval else label.trainId
            assert train_ids[label.id] == wanted
            if wanted != labels.VOID_CLASS:
                assert table.class_names[wanted] == label.name
                assert table.colors[wanted] == label.color


def test_stuff_has_no_instances_and_is_not_void():
    image = np.array([[7, 11, 23, 26001, 26, 24003, 29001, 4]], np.uint16)
    classes, instances = labels.CITYSCAPES_19.decode(image)
    void, none = labels.VOID_CLASS, labels.VOID_INSTANCE
    assert classes.tolist() == [[0, 2, 10, 13, 13, 11, void, void]]
    assert instances.tolist() == [[0, 0, 0, 26001, none, 24003, none, none]]
    np.testing.assert_array_equal(instances, labels.CITYSCAPES.decode(image)[1])


def test_the_merge_refuses_a_table_with_stuff():
    with pytest.raises(ValueError, match=r"'cityscapes_19': every class but the first must have"):
        InferenceConfig().class_groups(labels.CITYSCAPES_19)


def test_decode_cityscapes():
    image = np.array([[7, 26001, 26, 24003], [1, 29, 29001, 11]], np.uint16)
    classes, instances = labels.CITYSCAPES.decode(image)
    void, car, person = labels.VOID_CLASS, 3, 1
    assert classes.tolist() == [[0, car, car, person], [void, void, void, 0]]
    none = labels.VOID_INSTANCE
    assert instances.tolist() == [[0, 26001, none, 24003], [none, none, none, 0]]


def test_decode_ids():
    table = labels.load_class_table(os.path.join(_ROOT, "configs/class_tables/nuclei.yaml"))
    classes, instances = table.decode(np.array([[0, 1, 65535]], np.uint16))
    assert classes.tolist() == [[0, 1, 1]]
    assert instances.tolist() == [[0, 1, 65535]]
    assert table.groups == (0, 1)


def test_encode_is_the_inverse():
    value = labels.CITYSCAPES.encode(3, 17)
    classes, instances = labels.CITYSCAPES.decode(np.array([[value]], np.uint16))
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
        dataclasses.replace(labels.CITYSCAPES, **{field: value})


def test_load_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"YAML file that exists: nowhere\.yaml"):
        labels.load_class_table("nowhere.yaml")
    path = tmp_path / "table.yaml"
    path.write_text("name: x\nclass_names: [background, a]\nlabel_ids: [1]\ncolour: red\n")
    with pytest.raises(ValueError, match=r"table\.yaml: unknown fields \['colour'\]"):
        labels.load_class_table(str(path))
    path.write_text("name: x\nclass_names: [background, a]\n")
    with pytest.raises(ValueError, match=r"table\.yaml: .*label_ids"):
        labels.load_class_table(str(path))
    for content in (b"name: caf\xe9", b"name: [x"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"table\.yaml: not YAML that can be read"):
            labels.load_class_table(str(path))
    path.write_text("")
    with pytest.raises(ValueError, match=r"table\.yaml: a class table must be a mapping: None"):
        labels.load_class_table(str(path))
