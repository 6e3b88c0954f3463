"""What is measured of drawn data sets whose properties are known."""

import cv2
import drawn
import numpy as np
import pytest

from affinity_seg import labels
from affinity_seg.data import checks, listing
from affinity_seg.data.truth_classes import ONE_CLASS
from affinity_seg.fitting import colours, survey, upright


def _measure(folder, class_table=ONE_CLASS):
    items = listing.list_labelled_images(str(folder), "folder")
    return survey.measure(checks.read_items(items, class_table), class_table)


def test_sizes_and_their_spread(tmp_path):
    small = _measure(drawn.discs(tmp_path / "small", radii=(5, 5)))
    assert 10 <= small.diameter <= 11.5 and small.objects == 30
    assert small.spread_within == small.spread_between == 1
    assert 0.9 <= small.length <= 1.1 and 8 <= small.width <= 12
    large = _measure(drawn.discs(tmp_path / "large", radii=(10, 10)))
    assert large.diameter == pytest.approx(2 * small.diameter, rel=0.1)
    drawn.discs(tmp_path / "mixed", radii=(2, 9), per_image=9, count=12)
    assert _measure(tmp_path / "mixed").spread_within > 1.5


def test_contacts_and_parts(tmp_path):
    apart = _measure(drawn.discs(tmp_path / "apart"))
    assert (apart.contacts, apart.parts) == (0, 0)
    touching = _measure(drawn.discs(tmp_path / "touching", per_image=4, touching=True))
    assert touching.contacts == 1 and touching.objects == 48
    assert _measure(drawn.discs(tmp_path / "parts", parts=True)).parts == 1


def test_brightness(tmp_path):
    bright = _measure(drawn.discs(tmp_path / "bright"))
    assert bright.is_grey and bright.is_bright == 1
    assert bright.brightness_high < 1.1 * bright.brightness_low
    dark = _measure(drawn.discs(tmp_path / "dark", level=(200, 40)))
    assert dark.is_bright == 0
    different = _measure(drawn.discs(tmp_path / "different", gain=(0.1, 1)))
    assert different.brightness_high > 5 * different.brightness_low
    assert different.brightness_least <= different.brightness_low


def test_classes_and_sizes_of_images(tmp_path):
    found = _measure(drawn.discs(tmp_path, count=3, side=80))
    assert (found.height, found.width_of_image, found.longest_side) == (80, 80, 80)
    assert found.instances_of_class == [15]
    assert found.foreground == pytest.approx(5 * 69 / 6400, rel=0.3)
    table = labels.ClassTable("two", ("background", "a", "b"), (1, 2))
    for number in range(3):
        path = tmp_path / "instances" / f"{number:03}.png"
        ids = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), np.where(ids > 4, ids + 2000, np.where(ids, ids + 1000, 0)))
    assert _measure(tmp_path, table).instances_of_class == [6, 9]


def test_colours(tmp_path):
    drawn.discs(tmp_path, count=2)
    path = str(tmp_path / "images" / "000.png")
    image = cv2.imread(path)
    image[..., 0] //= 2
    cv2.imwrite(path, image)
    assert not _measure(tmp_path).is_grey


def test_depth(tmp_path):
    drawn.discs(tmp_path, count=3)
    assert _measure(tmp_path).bits == 8
    path = str(tmp_path / "images" / "001.png")
    cv2.imwrite(path, cv2.imread(path, cv2.IMREAD_UNCHANGED).astype(np.uint16) * 100)
    found = _measure(tmp_path)
    assert found.bits == 16
    chosen = colours.of(found, is_whole=True)
    assert chosen.value("contrast_percentiles") == [1.0, 99.8]
    assert "16 bits" in chosen["contrast_percentiles"].reason


def test_without_objects(tmp_path):
    drawn.discs(tmp_path, count=2, per_image=0)
    with pytest.raises(ValueError, match="must have images with objects: 2 images have none"):
        _measure(tmp_path)


def test_few_objects_say_nothing_about_up_and_down(tmp_path):
    assert not _measure(drawn.discs(tmp_path)).upright.is_enough


def test_up_and_down_mean_nothing_on_a_slide_and_something_in_a_street(tmp_path):
    slide = _measure(drawn.scattered(tmp_path / "slide")).upright
    assert slide.is_enough and slide.differing() == []
    street = _measure(drawn.scattered(tmp_path / "street", lowest=0.5, is_upright=True)).upright
    assert len(street.differing()) >= 2
    assert street.height < -0.1 and street.direction > 0.5


def test_one_long_object_says_nothing_about_up_and_down():
    balance = upright.Balance()
    grey = np.full((64, 64), 100, np.uint8)
    for index in range(20):
        ids = np.arange(64).reshape(8, 8).repeat(8, 0).repeat(8, 1) + 1
        if index == 7:
            ids[:, :4] = 100  # Upright.
        balance.add(grey, ids)
    evidence = balance.evidence()
    assert evidence.is_enough and evidence.differing() == []


def test_measures_survive_their_file(tmp_path):
    found = _measure(drawn.discs(tmp_path))
    assert survey.Survey.from_dict(found.as_dict()) == found
