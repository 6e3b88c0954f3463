"""Class tables that are built in, against the official table, and those in files."""

import pytest
from cityscapesscripts.helpers import labels as official

from affinity_seg import class_tables, labels
from affinity_seg.configs.inference import InferenceConfig


def test_cityscapes_agrees_with_the_official_scripts():
    table = class_tables.CITYSCAPES
    for name, label_id, color in zip(
        table.class_names[1:], table.label_ids, table.colors[1:], strict=True
    ):
        assert official.name2label[name].id == label_id
        assert official.name2label[name].color == color
        assert official.name2label[name].hasInstances
    ignored = {label.id for label in official.labels if label.ignoreInEval}
    assert set(table.void_label_ids) == ignored


def test_cityscapes_19_is_what_the_official_scripts_evaluate():
    table = class_tables.load_class_table("cityscapes_19")
    assert table.num_classes == 19
    assert table.class_names[:4] == ("road", "sidewalk", "building", "wall")
    assert table.class_names[11:] == class_tables.CITYSCAPES.class_names[1:]
    assert table.thing_label_ids == class_tables.CITYSCAPES.label_ids
    train_ids = table.class_of_label()
    for label in official.labels:
        if label.id >= 0:
            wanted = labels.VOID_CLASS if label.ignoreInEval else label.trainId
            assert train_ids[label.id] == wanted
            if wanted != labels.VOID_CLASS:
                assert table.class_names[wanted] == label.name
                assert table.colors[wanted] == label.color


def test_the_merge_refuses_a_table_with_stuff():
    with pytest.raises(ValueError, match=r"'cityscapes_19': every class but the first must have"):
        InferenceConfig().class_groups(class_tables.CITYSCAPES_19)


def test_load_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"YAML file that exists: nowhere\.yaml"):
        class_tables.load_class_table("nowhere.yaml")
    path = tmp_path / "table.yaml"
    path.write_text("name: x\nclass_names: [background, a]\nlabel_ids: [1]\ncolour: red\n")
    with pytest.raises(ValueError, match=r"table\.yaml: unknown fields \['colour'\]"):
        class_tables.load_class_table(str(path))
    path.write_text("name: x\nclass_names: [background, a]\n")
    with pytest.raises(ValueError, match=r"table\.yaml: .*label_ids"):
        class_tables.load_class_table(str(path))
    for content in (b"name: caf\xe9", b"name: [x"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"table\.yaml: not YAML that can be read"):
            class_tables.load_class_table(str(path))
    path.write_text("")
    with pytest.raises(ValueError, match=r"table\.yaml: a class table must be a mapping: None"):
        class_tables.load_class_table(str(path))
