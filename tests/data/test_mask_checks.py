"""Binary and blended masks are refused; what objects look like, in one part or several, is not."""

import glob
import os

import cv2
import numpy as np
import pytest
from absl import logging

from affinity_seg import class_tables, labels
from affinity_seg.data import layouts, listing, mask_checks, mistakes
from synthetic import streets

_NUCLEI = os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared", "data", "nuclei")
_CELLS = labels.ClassTable("cells", ("background", "cell"), (1,), encoding="ids")
_VOID = labels.ClassTable(
    "cells", ("background", "cell"), (1,), void_label_ids=(255,), encoding="ids"
)


def _discs(values, side=160, radius=9):
    """Returns discs with the given ids in a grid, uint8 or uint16."""
    stored = np.zeros((side, side), np.uint8 if max(values) < 256 else np.uint16)
    across = side // 30
    for i, value in enumerate(values):
        center = (15 + 30 * (i % across) + i % 3, 15 + 30 * (i // across) + i % 2)
        cv2.circle(stored, center, radius, int(value), -1)
    return stored


def _measured(*stored, table=_CELLS):
    return [
        mask_checks.shapes_of(f"{i:02}.png", *table.decode(image)) for i, image in enumerate(stored)
    ]


def _parts_for_each_id(shapes):
    return sum(one.num_parts for one in shapes) / sum(one.num_ids for one in shapes)


def _blended_share(one):
    return one.num_blended / max(one.num_outline, 1)


def _spread(stored):
    """Returns ids 1, 2, .. n as ids that are spread over 16 bits."""
    return (stored * np.uint16(65535 // max(int(stored.max()), 1))).astype(np.uint16)


@pytest.fixture
def warnings(monkeypatch):
    said = []
    monkeypatch.setattr(logging, "warning", lambda text, *rest: said.append(text % rest))
    return said


_TWELVE = _discs([20 * i for i in range(1, 13)])


def test_one_id_for_each_object_is_right(warnings):
    shapes = _measured(_TWELVE, _discs(range(1, 13)), _discs([7]), np.zeros((9, 9), np.uint8))
    mask_checks.check("masks", shapes, _CELLS)
    assert [(one.num_ids, one.num_parts, one.num_lining) for one in shapes] == [
        (12, 12, 0), (12, 12, 0), (1, 1, 0), (0, 0, 0)
    ]  # fmt: skip
    assert not warnings


@pytest.mark.parametrize("count", [1, 3])
def test_a_binary_mask_is_refused_unless_it_is_meant(warnings, count):
    shapes = _measured(*[np.uint8(255) * (_TWELVE > 0)] * count)
    parts = 12 * count
    message = (
        rf"^masks: {count} ids lie in {parts} separate parts in {count} instance images .*: "
        r"00\.png.*00\.png: id 255 in 12 parts; .*\(--allow=binary_masks if this is meant\)$"
    )
    with pytest.raises(ValueError, match=message):
        mask_checks.check("masks", shapes, _CELLS)
    with pytest.raises(ValueError, match=message):
        mask_checks.check("masks", shapes, _CELLS, [mistakes.BLENDED_MASKS])
    mask_checks.check("masks", shapes, _CELLS, [mistakes.BINARY_MASKS])
    assert len(warnings) == 1 and warnings[0].startswith(f"masks: {count} ids lie in {parts}")


def test_masks_of_classes_are_refused():
    classes = [_discs([1 + (i * k) % 2 for i in range(20)]) for k in (1, 3)]
    with pytest.raises(ValueError, match=r"masks: 4 ids lie in 40 separate parts .* of classes"):
        mask_checks.check("masks", _measured(*classes), _CELLS)


def test_few_objects_in_each_binary_mask_are_enough_in_many_images():
    images = [_discs([1] * (1 + i % 3)) for i in range(30)]
    with pytest.raises(ValueError, match="30 ids lie in 60 separate parts"):
        mask_checks.check("masks", _measured(*images), _CELLS)


def test_objects_in_several_parts_are_right(warnings):
    behind_posts = _TWELVE.copy()
    behind_posts[:, ::6] = 0  # Each disc is cut in three or four.
    specks = _discs([9])
    specks[100::4, ::4] = 9
    one_behind_a_fence = _discs([9], radius=14)
    one_behind_a_fence[:, ::9] = 0  # A single id in three parts.
    shapes = _measured(behind_posts, specks, one_behind_a_fence, *[_TWELVE] * 3)
    assert shapes[0].num_parts > 30 and shapes[2].num_parts == 3
    assert shapes[1].num_parts == 1  # Specks do not count.
    mask_checks.check("masks", shapes, _CELLS)
    mask_checks.check("masks", _measured(one_behind_a_fence), _CELLS)
    assert not warnings


def test_a_few_binary_masks_among_others(warnings):
    binary = np.uint8(255) * (_TWELVE > 0)
    mask_checks.check("masks", _measured(binary, *[_TWELVE] * 9), _CELLS)
    assert len(warnings) == 1
    assert warnings[0].startswith("masks: 1 of 10 instance images with objects have a single id, ")
    with pytest.raises(
        ValueError, match=r"2 of 12 .* a single id, .*: 00\.png, 01\.png; .*binary_"
    ):
        mask_checks.check("masks", _measured(binary, binary, *[_TWELVE] * 10), _CELLS)


def test_instances_of_classes_are_looked_at_as_well():
    stored = np.where(_TWELVE > 0, np.uint16(26000), 0)
    shapes = _measured(np.uint16(26001) * (_TWELVE > 0), table=class_tables.CITYSCAPES)
    with pytest.raises(ValueError, match="id 26001 in 12 parts"):
        mask_checks.check("masks", shapes, class_tables.CITYSCAPES)
    group = np.where(_TWELVE > 0, np.uint16(26), 0)  # A group region is one by its meaning.
    mask_checks.check("masks", _measured(group, stored * 0, table=class_tables.CITYSCAPES), _CELLS)


_BLENDED = {
    "halved": lambda v: cv2.resize(v, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "doubled": lambda v: cv2.resize(v, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR),
    "cubic": lambda v: cv2.resize(v, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC),
    "smoothed": lambda v: cv2.GaussianBlur(v, (0, 0), 0.7),
    "JPEG 75": lambda v: cv2.imdecode(cv2.imencode(".jpg", v, [1, 75])[1], -1),
    "JPEG 95": lambda v: cv2.imdecode(cv2.imencode(".jpg", v, [1, 95])[1], -1),
    "JPEG 100": lambda v: cv2.imdecode(cv2.imencode(".jpg", v, [1, 100])[1], -1),
}


@pytest.mark.parametrize(
    ("how", "ids"),
    [
        (how, ids)
        for ids in ([20 * i for i in range(1, 13)], range(1, 13), [255] * 12)
        for how in _BLENDED
        # It leaves next to nothing between ids that differ by one, or between 0 and 255.
        if how != "JPEG 100" or ids[0] == 20
    ],
)
def test_a_blended_mask_is_refused_unless_it_is_meant(warnings, how, ids):
    shapes = _measured(_TWELVE, _BLENDED[how](_discs(ids)))
    message = (
        rf"^masks: in 1 of 2 .*: 01\.png; 01\.png has {shapes[1].num_ids} ids, "
        rf"{shapes[1].num_lining} .* and {shapes[1].num_blended} of the .*--allow=blended_masks"
    )
    with pytest.raises(ValueError, match=message):
        mask_checks.check("masks", shapes, _CELLS)
    mask_checks.check("masks", shapes, _CELLS, [mistakes.BLENDED_MASKS])
    assert len(warnings) == 1  # Its parts are not counted as well.


def test_ids_resized_to_the_nearest_and_thin_objects_that_touch_are_right(warnings):
    nearest = cv2.resize(_TWELVE, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_NEAREST)
    touching = np.zeros((90, 90), np.uint16)
    touching[5:85, 5:85] = np.kron(np.arange(1, 65).reshape(8, 8), np.ones((10, 10), int))
    lines = np.zeros((90, 90), np.uint8)
    for i in range(10):
        cv2.line(lines, (4 + 8 * i, 0), (89, 85 - 8 * i), i + 1, 1)
    dots = np.zeros((90, 90), np.uint16)
    dots[::3, ::3] = np.arange(1, 901).reshape(30, 30)
    mask_checks.check("masks", _measured(nearest, touching, lines, dots), _CELLS)
    assert not warnings


def test_a_void_ring_is_neither_an_object_nor_blended(warnings):
    ringed = _TWELVE.copy()
    around = (cv2.dilate(_TWELVE, np.ones((3, 3))) > 0) & (_TWELVE == 0)
    ringed[around] = 255
    low = np.where(around, 1, _TWELVE)  # A ring between the background and the ids.
    (shapes,) = _measured(ringed, table=_VOID)
    assert (shapes.num_ids, shapes.num_parts, shapes.has_void) == (12, 12, True)
    mask_checks.check("masks", [shapes], _VOID)
    table = labels.ClassTable(
        "cells", ("background", "cell"), (2,), void_label_ids=(1,), encoding="ids"
    )
    mask_checks.check("masks", _measured(low, table=table), table)
    assert not warnings
    mask_checks.check("masks", _measured(_TWELVE, _TWELVE, table=_VOID), _VOID)
    assert warnings == ["masks: `void_label_ids` [255] occur in none of 2 instance images"]


def test_an_unknown_mistake_cannot_be_allowed():
    mistakes.check_allowed(mistakes.NAMES)
    with pytest.raises(ValueError, match=r"`--allow` must name some of .*_masks.*: all, binary$"):
        mistakes.check_allowed(["binary", "all", mistakes.BINARY_MASKS])


def test_streets_are_right(tmp_path, warnings):
    streets.write_streets(str(tmp_path), {"train": 4}, seed=5, height=96, width=192)
    for annotation in layouts.ANNOTATIONS:
        items = listing.list_labelled_images(
            str(tmp_path), "cityscapes", "train", annotation, allowed=()
        )
        images = [cv2.imread(item.truth_path, cv2.IMREAD_UNCHANGED) for item in items]
        shapes = _measured(*images, table=class_tables.CITYSCAPES)
        assert any(one.num_parts > one.num_ids for one in shapes)
        assert _parts_for_each_id(shapes) < 2 and max(map(_blended_share, shapes)) < 0.15
        mask_checks.check("masks", shapes, class_tables.CITYSCAPES)
    assert not warnings


@pytest.mark.parametrize("part", ["train", "val", "more"])
def test_real_nuclei_are_right_and_as_binary_or_halved_masks_refused(warnings, part):
    paths = sorted(glob.glob(os.path.join(_NUCLEI, part, "instances", "*.png")))
    if not paths:
        pytest.skip("skipped: ../shared/data/nuclei not found")
    images = [cv2.imread(path, cv2.IMREAD_UNCHANGED) for path in paths]
    shapes = _measured(*images)
    mask_checks.check("masks", shapes, _CELLS)
    assert not warnings
    assert _parts_for_each_id(shapes) == 1 and max(map(_blended_share, shapes)) < 0.03
    binary = _measured(*(np.uint8(255) * (image > 0) for image in images))
    with pytest.raises(ValueError, match="separate parts"):
        mask_checks.check("masks", binary, _CELLS)
    assert _parts_for_each_id(binary) > 20 and max(map(_blended_share, binary)) < 0.03
    halved = _measured(*(_BLENDED["halved"](_spread(image)) for image in images))
    assert np.mean([one.is_blended for one in halved]) > 0.98  # Two hold 30 pixels.
    assert min(map(_blended_share, halved)) > 0.3
