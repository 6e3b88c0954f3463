"""Synthetic worms: layout, statistics, determinism."""

import cv2
import numpy as np
import pytest

from affinity_seg import class_tables
from affinity_seg.data import checks, listing
from affinity_seg.data.truth_classes import ONE_CLASS
from affinity_seg.fitting import sets, survey
from synthetic import worms


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("worms")
    return folder, worms.write_worms(str(folder), {"train": 4, "val": 1}, seed=3, side=160)


def test_layout_and_statistics(small):
    folder, found = small
    items = listing.list_labelled_images(str(folder / "train"), "folder")
    assert [item.name for item in items] == [f"worms_{i:06}" for i in range(4)]
    assert len(listing.list_labelled_images(str(folder / "val"), "folder")) == 1
    assert found.worms >= 30 and found.touching >= 10 and found.in_parts >= 3
    image = cv2.imread(items[0].image_path, cv2.IMREAD_UNCHANGED)
    assert image.shape == (160, 160) and image.dtype == np.uint8


def test_they_are_long_thin_and_crossing(small):
    items = listing.list_labelled_images(str(small[0] / "train"), "folder")
    found = survey.measure(checks.read_items(items, ONE_CLASS), ONE_CLASS)
    assert found.width < 12 and found.length * found.diameter > 5 * found.width
    assert found.contacts > 0.3 and found.is_bright == 1


def test_ids_have_no_gaps_and_the_masks_pass_the_checks(small):
    items = listing.list_labelled_images(str(small[0] / "train"), "folder")
    table = class_tables.load_class_table("nuclei")
    assert len(list(sets.check(items, table, None, ()))) == 4
    for item in items:
        values = np.unique(cv2.imread(item.truth_path, cv2.IMREAD_UNCHANGED))
        assert values.tolist() == list(range(len(values)))


def test_the_same_arguments_give_the_same_image_and_others_another(small):
    image, ids = worms.render_worms((3, 0, 0), 160)
    again, ids_again = worms.render_worms((3, 0, 0), 160)
    assert (image == again).all() and (ids == ids_again).all()
    assert (worms.render_worms((3, 1, 0), 160)[1] != ids).any()
    path = small[0] / "train" / "images" / "worms_000000.png"
    assert (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) == image).all()


def test_arguments(small, tmp_path):
    with pytest.raises(ValueError, match="data set of other arguments: `seed`"):
        worms.write_worms(str(small[0]), {"train": 4, "val": 1}, seed=4, side=160)
    with pytest.raises(ValueError, match="`side` must be at least"):
        worms.write_worms(str(tmp_path), {"train": 1}, seed=1, side=20)
    with pytest.raises(ValueError, match="must be positive"):
        worms.write_worms(str(tmp_path), {"train": 0}, seed=1, side=100)
