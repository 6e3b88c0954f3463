"""The text of the result, as a notebook shows it."""

import numpy as np
import tensorflow as tf

from affinity_seg import class_tables
from affinity_seg.instances import Instances

_IDS = np.arange(12, dtype=np.int32).reshape(3, 4)
_CLASSES = np.array([1, 3, 3, 1, 3, 2, 4, 5, 6, 6, 7], np.int32)
_TABLE = class_tables.load_class_table("cityscapes")
_NAMES = _TABLE.class_names


def test_the_text_counts_the_most_frequent_classes():
    found = Instances(_IDS, _CLASSES, None, class_table=_TABLE)
    names = [_NAMES[index] for index in (3, 1, 6, 2, 4)]
    listed = "3 {}, 2 {}, 2 {}, 1 {}, 1 {}".format(*names)
    assert repr(found) == f"Instances(11 in 3x4 pixels: {listed}, 2 of other classes)"
    assert str(found) == repr(found)


def test_without_a_table_or_instances():
    assert repr(Instances(_IDS % 3, np.array([2, 2]), None)) == (
        "Instances(2 in 3x4 pixels: 2 class 2)"
    )
    nothing = Instances(_IDS * 0, np.zeros(0, np.int32), None, class_table=_TABLE)
    assert repr(nothing) == "Instances(0 in 3x4 pixels)"


def test_tensors_have_the_same_text_and_a_graph_has_one():
    found = Instances(tf.constant(_IDS % 3), tf.constant([2, 2]), None)
    assert repr(found) == repr(found.as_numpy())
    texts = []

    @tf.function
    def graph(ids):
        texts.append(repr(found._replace(instance_ids=ids)))
        return ids

    graph(found.instance_ids)
    assert texts[0].startswith("Instances(<tf.Tensor ")
