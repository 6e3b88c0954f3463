"""How the input of a fit is listed, split, and recognised again."""

import shutil

import drawn
import pytest

from affinity_seg.fitting import sets
from affinity_seg.fitting.plan import Choice, Plan


def _names(items):
    return [item.name for item in items]


def test_an_input_with_parts_and_one_without(tmp_path):
    drawn.discs(tmp_path / "train", 3)
    assert _names(sets.list_input(str(tmp_path), "folder").train) == ["000", "001", "002"]
    drawn.discs(tmp_path / "val", 2)
    both = sets.list_input(str(tmp_path), "folder")
    assert len(both.train) == 3 and _names(both.val) == ["000", "001"]
    alone = sets.list_input(str(tmp_path / "train"), "folder")
    assert _names(alone.train) == ["000", "001", "002"] and alone.val == []


def test_inputs_without_images(tmp_path):
    with pytest.raises(FileNotFoundError, match="`input` must be a folder that exists"):
        sets.list_input(str(tmp_path / "nowhere"), "folder")
    with pytest.raises(FileNotFoundError, match="folder of images does not exist"):
        sets.list_input(str(tmp_path), "folder")
    (tmp_path / "images").mkdir()
    with pytest.raises(FileNotFoundError, match="there is no image"):
        sets.list_input(str(tmp_path), "folder")
    drawn.discs(tmp_path / "only" / "val", 1)
    with pytest.raises(FileNotFoundError, match="no `train` to train on"):
        sets.list_input(str(tmp_path / "only"), "folder")


def test_changes_are_noticed(tmp_path):
    drawn.discs(tmp_path, 4)
    before = sets.hashes(sets.list_input(str(tmp_path), "folder"))
    assert sets.differences(before, dict(before)) == ""
    shutil.copy(tmp_path / "instances" / "000.png", tmp_path / "instances" / "001.png")
    (tmp_path / "images" / "002.png").unlink()
    shutil.copy(tmp_path / "images" / "000.png", tmp_path / "images" / "new.png")
    shutil.copy(tmp_path / "instances" / "000.png", tmp_path / "instances" / "new.png")
    now = sets.hashes(sets.list_input(str(tmp_path), "folder"))
    assert sets.differences(before, now) == (
        "1 added (train/new), 1 missing (train/002), 1 changed (train/001)"
    )


def _plan(images, with_objects, seed=1, **values):
    chosen = sets.split_choices(images, len(with_objects), seed)
    return Plan(chosen | {name: Choice(value, "") for name, value in values.items()})


@pytest.mark.parametrize(
    ("count", "has_val", "tuning", "judging"),
    [(1, False, 0, 0), (3, True, 0, 0), (4, False, 1, 1), (30, False, 3, 6), (30, True, 3, 0)],
)
def test_images_are_held_out_as_their_number_allows(tmp_path, count, has_val, tuning, judging):
    drawn.discs(tmp_path / "train", count)
    if has_val:
        drawn.discs(tmp_path / "val", 2)
    images = sets.list_input(str(tmp_path), "folder")
    names = set(_names(images.train))
    chosen = _plan(images, names)
    assert (chosen.value("tuning_images"), chosen.value("judging_images")) == (tuning, judging)
    split = sets.split(images, names, chosen)
    assert len(split.train) == count - tuning - judging
    assert split.tuning and split.judged
    held = {*_names(split.tuning), *(() if has_val else _names(split.judged))}
    assert bool(held & set(_names(split.train))) == (tuning == 0)
    assert split == sets.split(images, names, chosen)
    if count == 30:
        assert split != sets.split(images, names, _plan(images, names, seed=2))


def test_images_without_objects_are_not_held_out(tmp_path):
    drawn.discs(tmp_path, 12)
    images = sets.list_input(str(tmp_path), "folder")
    names = {"000", "003", "006", "009"}
    split = sets.split(images, names, _plan(images, names))
    assert {*_names(split.tuning), *_names(split.judged)} < names


def test_enough_images_with_objects_are_left_to_train_on(tmp_path):
    drawn.discs(tmp_path, 40)
    images = sets.list_input(str(tmp_path), "folder")
    for number in range(4, 41):
        names = {item.name for item in images.train[:number]}
        split = sets.split(images, names, _plan(images, names))
        assert 2 * len(names & {item.name for item in split.train}) >= number


def test_a_plan_that_holds_out_too_many(tmp_path):
    drawn.discs(tmp_path, 5)
    images = sets.list_input(str(tmp_path), "folder")
    names = set(_names(images.train))
    with pytest.raises(ValueError, match="must leave an image with objects to train on, of 5"):
        sets.split(images, names, _plan(images, names, tuning_images=5))
