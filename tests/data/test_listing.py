"""Listing the images of a data set."""

import os

import pytest

from affinity_seg.data import listing


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
    assert items[0].instance_path == str(truth)
    _touch(truth)
    with pytest.raises(FileNotFoundError, match=r"1 instance images are missing:\n.*bonn_000000"):
        listing.list_labelled_images(str(tmp_path), "cityscapes", "train")


def test_folder_and_images(tmp_path):
    for name in ("b.png", "a.JPG", "c.bmp", ".hidden.png", "notes.txt"):
        _touch(tmp_path / "images" / name)
    items = listing.list_images(str(tmp_path), "folder")
    assert [(i.name, i.filename) for i in items] == [
        ("a", "a.JPG"), ("b", "b.png"), ("c", "c.bmp"),
    ]  # fmt: skip
    assert items[1].instance_path == os.path.join(str(tmp_path), "instances", "b.png")
    items = listing.list_images(str(tmp_path / "images"), "images")
    assert [i.instance_path for i in items] == [None, None, None]


def test_pictures(tmp_path):
    for name in ("photos/b.png", "photos/a.jpg", "c.png"):
        _touch(tmp_path / name)
    items = listing.list_pictures([str(tmp_path / "c.png"), str(tmp_path / "photos")])
    assert [(i.name, i.filename) for i in items] == [
        ("a", "a.jpg"), ("b", "b.png"), ("c", "c.png"),
    ]  # fmt: skip
    assert items[2].image_path == str(tmp_path / "c.png")
    with pytest.raises(FileNotFoundError, match=r"the image does not exist: .*d\.png"):
        listing.list_pictures([str(tmp_path / "d.png")])
    _touch(tmp_path / "a.png")
    with pytest.raises(ValueError, match="names of images must differ"):
        listing.list_pictures([str(tmp_path / "a.png"), str(tmp_path / "photos")])


def test_errors(tmp_path):
    _touch(tmp_path / "images" / "a.png")
    _touch(tmp_path / "images" / "a.jpg")
    with pytest.raises(ValueError, match=r"names of images must differ: .*a\.(png|jpg) and"):
        listing.list_images(str(tmp_path), "folder")
    with pytest.raises(FileNotFoundError, match=r"folder of images does not exist: .*nowhere"):
        listing.list_images(str(tmp_path / "nowhere"), "images")
    with pytest.raises(FileNotFoundError, match="there is no image"):
        listing.list_images(str(tmp_path), "images")
    with pytest.raises(FileNotFoundError, match="leftImg8bit"):
        listing.list_images(str(tmp_path), "cityscapes", "train")
    for split in ("../train", "..", "", "tr*", ".train"):
        with pytest.raises(ValueError, match="`split` must be a name of letters"):
            listing.list_images(str(tmp_path), "cityscapes", split)
    with pytest.raises(ValueError, match="`layout` must be one of"):
        listing.list_images(str(tmp_path), "coco")
    with pytest.raises(ValueError, match="'images' has no truth"):
        os.remove(tmp_path / "images" / "a.jpg")
        listing.list_labelled_images(str(tmp_path / "images"), "images")
