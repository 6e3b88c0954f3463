"""Overlapping objects become an instance image: the smallest on top, every loss counted."""

import itertools

import numpy as np
import pytest

from affinity_seg import class_tables, labels
from affinity_seg.data import object_masks
from affinity_seg.data.object_masks import Overlaps

_SIZE = (12, 16)
_TWO = labels.ClassTable("two", ("background", "a", "b"), (1, 2), (255,))
_CELLS = labels.ClassTable("cells", ("background", "cell"), (1,), (3,), encoding="ids")


def _box(y0, x0, y1, x1, name="a", is_void=False):
    mask = np.zeros(_SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return object_masks.crop(f"box {y0},{x0}", name, mask, is_void=is_void)


def test_a_crop_is_the_mask():
    one = _box(2, 3, 7, 9)
    assert (one.top, one.left, one.mask.shape) == (2, 3, (5, 6)) and one.mask.all()
    whole = np.zeros(_SIZE, bool)
    whole[one.window] = one.mask
    assert whole[2:7, 3:9].all() and whole.sum() == 30


def test_the_smaller_object_is_on_top_in_every_order():
    boxes = [_box(0, 0, 10, 10), _box(2, 2, 6, 6), _box(4, 4, 6, 5)]
    for order in itertools.permutations(range(3)):
        numbers, overlaps = object_masks.paint([boxes[i] for i in order], _SIZE)
        wanted = np.zeros(_SIZE, int)
        for index, window in enumerate([np.s_[:10, :10], np.s_[2:6, 2:6], np.s_[4:6, 4:5]]):
            wanted[window] = order.index(index) + 1
        np.testing.assert_array_equal(numbers, wanted)
        assert overlaps == Overlaps(pixels=16, covered=2)


def test_of_two_of_one_size_the_later_is_on_top_and_what_is_hidden_is_counted():
    boxes = [
        _box(0, 0, 4, 4),
        _box(0, 0, 4, 4),
        _box(5, 0, 9, 4),
        _box(5, 2, 9, 6),
        _box(1, 1, 1, 1),
    ]
    numbers, overlaps = object_masks.paint(boxes, _SIZE)
    assert set(np.unique(numbers)) == {0, 2, 3, 4}
    assert numbers[6, 3] == 4
    assert overlaps == Overlaps(pixels=24, covered=1, hidden=1, empty=1)
    line = overlaps.plus(overlaps).describe()
    assert line.startswith("overlaps: 48 pixels") and line.endswith(
        "wholly: 2, because they have no pixel: 2"
    )


def test_void_is_below_all_objects_and_is_no_overlap():
    boxes = [_box(3, 3, 5, 5, is_void=True), _box(0, 0, 10, 10)]
    numbers, overlaps = object_masks.paint(boxes, _SIZE)
    assert set(np.unique(numbers)) == {0, 2} and overlaps == Overlaps()


def test_encoded_by_class_tables():
    boxes = [_box(0, 0, 2, 2, "b"), _box(2, 2, 4, 4, "a"), _box(4, 4, 6, 6, "b"),
             _box(8, 8, 9, 9, "a", True)]  # fmt: skip
    numbers, _ = object_masks.paint(boxes, _SIZE)
    stored = object_masks.encode("x.json", boxes, numbers, _TWO)
    assert [stored[i, i] for i in (0, 2, 4, 8, 11)] == [2000, 1000, 2001, 255, 0]
    boxes = [one._replace(name=None) for one in boxes]
    stored = object_masks.encode("x", boxes, numbers, _CELLS)
    assert [stored[i, i] for i in (0, 2, 4, 8, 11)] == [1, 2, 4, 3, 0]  # 3 is void.
    # In the official table 0 is void, so that background is another label.
    boxes = [_box(0, 0, 2, 2, "car")]
    stored = object_masks.encode("x", boxes, (numbers == 1).astype(int), class_tables.CITYSCAPES)
    classes, _ = class_tables.CITYSCAPES.decode(stored)
    assert set(np.unique(classes)) == {0, 3}


def test_stuff_of_a_table_has_no_instances():
    boxes = [_box(0, 0, 2, 2, "vegetation"), _box(3, 3, 5, 5, "vegetation")]
    numbers, _ = object_masks.paint(boxes, _SIZE)
    stored = object_masks.encode("x", boxes, numbers, class_tables.CITYSCAPES_19)
    classes, instances = class_tables.CITYSCAPES_19.decode(stored)
    assert set(np.unique(classes)) == {0, 8} and not instances.any()


@pytest.mark.parametrize(
    ("one", "table", "message"),
    [
        (
            _box(0, 0, 1, 1, "c"),
            _TWO,
            r"x: class 'c' must be one of class table 'two': \['a', 'b'\]",
        ),
        (
            _box(0, 0, 1, 1, None),
            _TWO,
            r"x: objects without classes need a class table of one class",
        ),
        (
            _box(0, 0, 1, 1, "a", True),
            labels.ClassTable("one", ("background", "a"), (1,), encoding="ids"),
            r"box 0,0 is void, .* add `void_label_ids: \[65535\]`",
        ),
    ],
)
def test_what_a_table_lacks(one, table, message):
    with pytest.raises(ValueError, match=message):
        object_masks.encode("x", [one], object_masks.paint([one], _SIZE)[0], table)


def test_more_objects_than_can_be_stored():
    numbers = np.arange(1, 1002).reshape(7, 143)
    boxes = [_box(0, 0, 1, 1)] * 1001
    with pytest.raises(ValueError, match="x: an image must have at most 1000 objects of class 'a'"):
        object_masks.encode("x", boxes, numbers, _TWO)
