"""The images of each layout, and pictures among them that are not read."""

import os

import cv2
import numpy as np
import pytest

from affinity_seg.data import listing, mistakes


def _touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def test_cityscapes(tmp_path):
    for city, frame in (("bonn", "000001"), ("aachen", "000007")):
        name = f"{city}_000000_{frame}"
        _touch(tmp_path / "leftImg8bit" / "train" / city / f"{name}_leftImg8bit.png")
    _touch(tmp_path / "leftImg8bit" / "train" / "readme.txt")
    items = listing.list_images(str(tmp_path), "cityscapes", "train")
    assert [item.name for item in items] == ["aachen_000000_000007", "bonn_000000_000001"]
    assert items[0].filename == "aachen/aachen_000000_000007_leftImg8bit.png"
    truth = tmp_path / "gtFine" / "train" / "aachen" / "aachen_000000_000007_gtFine_instanceIds.png"
    assert items[0].truth_path == str(truth)
    _touch(truth)
    with pytest.raises(FileNotFoundError, match=r"1 instance image is missing:\n.*bonn_000000"):
        listing.list_labelled_images(str(tmp_path), "cityscapes", "train")


def test_folder_and_images(tmp_path):
    for name in ("b.png", "a.JPG", "c.bmp", ".hidden.png", "notes.txt"):
        _touch(tmp_path / "images" / name)
    items = listing.list_images(str(tmp_path), "folder")
    assert [(i.name, i.filename) for i in items] == [
        ("a", "a.JPG"), ("b", "b.png"), ("c", "c.bmp"),
    ]  # fmt: skip
    assert items[1].truth_path == os.path.join(str(tmp_path), "instances", "b.png")
    items = listing.list_images(str(tmp_path / "images"), "images")
    assert [i.truth_path for i in items] == [None, None, None]


def _with_skipped(tmp_path):
    for name in ("a.png", "B.PNG", "c.JPG", "d.jpeg", ".DS_Store", "._a.png", "notes.txt", "x.jp2"):
        _touch(tmp_path / "images" / name)
    for name in ("a", "B", "c", "d"):
        _touch(tmp_path / "instances" / f"{name}.png")
    _touch(tmp_path / "images" / "old" / "e.png")
    _touch(tmp_path / "images" / "empty" / ".DS_Store")
    picture = cv2.imencode(".bmp", np.zeros((2, 3), np.uint8))[1].tobytes()
    for name in ("f.gif", "g.webp", "without_end"):
        (tmp_path / "images" / name).write_bytes(picture)
    return str(tmp_path)


def test_pictures_that_are_not_read_are_refused_or_said(tmp_path, warnings):
    folder = _with_skipped(tmp_path)
    message = (
        r"images: 5 pictures beside 4 images are not read, .* not \*\{.png,.*\}: "
        r"f.gif, g.webp, old/ and 2 more; convert them, .*"
    )
    with pytest.raises(ValueError, match=message + r"\(--allow=skipped_images if"):
        listing.list_labelled_images(folder, "folder", allowed=[mistakes.BINARY_MASKS])
    assert not warnings
    for allowed in (None, [mistakes.SKIPPED_IMAGES]):
        items = listing.list_labelled_images(folder, "folder", allowed=allowed)
        assert [item.filename for item in items] == ["B.PNG", "a.png", "c.JPG", "d.jpeg"]
    assert len(warnings) == 2 and warnings[0] == warnings[1]
    listing.list_pictures([os.path.join(folder, "images")])
    assert len(warnings) == 3


def test_a_folder_of_pictures_of_other_formats_says_so(tmp_path):
    _touch(tmp_path / "images" / "a.jp2")
    with pytest.raises(FileNotFoundError, match=r"there is no image .*; not read are a\.jp2$"):
        listing.list_images(str(tmp_path), "folder")


def test_pictures_of_cityscapes_that_are_not_read(tmp_path, warnings):
    root = tmp_path / "leftImg8bit" / "train"
    for name in ("bonn/a_leftImg8bit.png", "bonn/b_leftImg8bit.jpg", "c_leftImg8bit.png"):
        _touch(root / name)
    message = r"train: 2 pictures beside 1 image are .*: bonn/b_leftImg8bit.jpg, c_leftImg8bit.png;"
    with pytest.raises(ValueError, match=message):
        listing.list_images(str(tmp_path), "cityscapes", "train", allowed=())
    assert len(listing.list_images(str(tmp_path), "cityscapes", "train")) == 1
    assert len(warnings) == 1
