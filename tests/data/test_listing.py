"""Listing the images of a data set."""

import os
import re
import unicodedata

import cv2
import numpy as np
import pytest
from absl import logging

from affinity_seg import names
from affinity_seg.data import image_names, listing, mistakes
from affinity_seg.rejected_inputs import RejectedInputs

_NFC, _NFD = (unicodedata.normalize(form, "zürich_é") for form in ("NFC", "NFD"))


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


@pytest.fixture
def warnings(monkeypatch):
    said = []
    monkeypatch.setattr(logging, "warning", lambda text, *rest: said.append(text % rest))
    return said


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


def test_masks_without_image_and_masks_of_other_formats_are_said(tmp_path, warnings):
    for name in ("a", "b"):
        _touch(tmp_path / "images" / f"{name}.png")
    for name in ("a.PNG", "b.jpg", "y.png", "z.png", ".hidden.png"):
        _touch(tmp_path / "instances" / name)
    rejected = RejectedInputs(str(tmp_path / "out"))
    (item,) = listing.list_labelled_images(str(tmp_path), "folder", rejected=rejected)
    assert item.truth_path == str(tmp_path / "instances" / "a.PNG")
    reason = (tmp_path / "out" / "rejected.json").read_text(encoding="utf-8")
    assert (
        "instances/b.png: the instance image is missing; b.jpg is there, but only PNG and TIFF"
        in reason
    )
    (said,) = [text for text in warnings if "have no image" in text]
    masks = [str(tmp_path / "instances" / f"{name}.png") for name in "yz"]
    assert said == f"2 of 3 instance images have no image: {masks[0]}, {masks[1]}"


@pytest.mark.parametrize(("image", "mask"), [(_NFD, _NFC), (_NFC, _NFD), (_NFD, _NFD)])
def test_names_in_both_forms_of_unicode_are_the_same(tmp_path, image, mask):
    _touch(tmp_path / "images" / f"{image}.png")
    _touch(tmp_path / "instances" / f"{mask}.png")
    (item,) = listing.list_labelled_images(str(tmp_path), "folder")
    assert item.name == _NFC
    assert os.path.isfile(item.image_path) and os.path.isfile(item.truth_path)
    assert image_names.name_of(item.filename) == _NFC
    assert [i.name for i in listing.list_pictures([item.image_path])] == [_NFC]
    _touch(tmp_path / "leftImg8bit" / "val" / image / f"{image}_1_leftImg8bit.png")
    _touch(tmp_path / "gtFine" / "val" / mask / f"{mask}_1_gtFine_instanceIds.png")
    (item,) = listing.list_labelled_images(str(tmp_path), "cityscapes", "val")
    assert item.name == f"{_NFC}_1" and os.path.isfile(item.truth_path)


@pytest.mark.parametrize("part", ["images", "instances"])
def test_two_files_whose_names_differ_in_their_form_only_are_refused(tmp_path, part):
    for folder, found in (("images", [_NFC]), ("instances", [_NFC]), (part, [_NFD])):
        for name in found:
            _touch(tmp_path / folder / f"{name}.png")
    with pytest.raises(ValueError, match=r"images must differ: .*\.png and .*\.png") as raised:
        listing.list_labelled_images(str(tmp_path), "folder")
    assert "z\\xfcrich" in str(raised.value) and "zu\\u0308rich" in str(raised.value)


def test_a_folder_is_no_mask(tmp_path, warnings):
    for name in ("a", "b"):
        _touch(tmp_path / "images" / f"{name}.png")
    _touch(tmp_path / "instances" / "a.png")
    for name in ("b.png", "y.png"):
        (tmp_path / "instances" / name).mkdir()
    with pytest.raises(FileNotFoundError, match=r"1 instance image is missing:\n.*b\.png$"):
        listing.list_labelled_images(str(tmp_path), "folder")
    assert not warnings


def test_truth_of_other_names_is_said_where_truth_is_missing(tmp_path):
    for name in ("images/a.png", "instances/a_mask.png"):
        _touch(tmp_path / name)
    message = r"missing:\n.*a\.png\n  1 of 1 instance image has no image: .*a_mask\.png$"
    with pytest.raises(FileNotFoundError, match=message):
        listing.list_labelled_images(str(tmp_path), "folder")


def test_one_is_one(tmp_path, warnings):
    for name in ("images/a.png", "instances/a.png", "images/b.jp2", "instances/z.png"):
        _touch(tmp_path / name)
    assert len(listing.list_labelled_images(str(tmp_path), "folder")) == 1
    skipped, without_image = warnings
    assert "1 picture beside 1 image is not read, because its name is not" in skipped
    assert "b.jp2; convert it, e.g. with `mogrify -format png`, or take it out" in skipped
    assert without_image.startswith("1 of 2 instance images has no image: ")


def test_rejected_inputs_have_one_form_of_a_name(tmp_path):
    _touch(tmp_path / "images" / f"{_NFD}.png")
    _touch(tmp_path / "images" / "a.png")
    _touch(tmp_path / "instances" / "a.png")
    rejected = RejectedInputs(str(tmp_path / "out"))
    listing.list_labelled_images(str(tmp_path), "folder", rejected=rejected)
    assert _NFC in rejected and len(rejected) == 1


def test_the_key_of_an_ome_tiff_has_no_ome(tmp_path):
    for name in ("a.ome.tif", "b.OME.TIFF", "c.ome.tif", "d.home.png"):
        _touch(tmp_path / "images" / name)
    for name in ("a.png", "b.ome.png", "c.ome.tif", "d.home.png"):
        _touch(tmp_path / "instances" / name)
    items = listing.list_labelled_images(str(tmp_path), "folder", allowed=())
    assert [item.name for item in items] == ["a", "b", "c", "d.home"]
    assert [image_names.name_of(item.filename) for item in items] == ["a", "b", "c", "d.home"]
    for name in ("a.png", "b.ome.png"):
        (tmp_path / "instances" / name).unlink()
    with pytest.raises(FileNotFoundError, match=r"missing:\n.*instances/a\.png\n.*/b\.png$"):
        listing.list_labelled_images(str(tmp_path), "folder")
    _touch(tmp_path / "instances" / "c.png")
    with pytest.raises(ValueError, match=r"must differ: .*/c\.ome\.tif and .*/c\.png"):
        listing.list_labelled_images(str(tmp_path), "folder")
    _touch(tmp_path / "images" / "a.tif")
    with pytest.raises(
        ValueError, match=r"must differ: .*/a\.ome\.tif and .*/a\.tif; .*rename one"
    ):
        listing.list_images(str(tmp_path), "folder")


@pytest.mark.parametrize("form", ["masks", "labelme"])
def test_other_truth_of_an_ome_tiff(tmp_path, form):
    _touch(tmp_path / "images" / "a.ome.tif")
    _touch(tmp_path / form / ("a/1.png" if form == "masks" else "a.json"))
    _touch(tmp_path / "images" / "b.ome.tif")
    _touch(tmp_path / form / ("b.ome/1.png" if form == "masks" else "b.ome.json"))
    items = listing.list_labelled_images(str(tmp_path), "folder", allowed=())
    assert [(item.name, item.form) for item in items] == [("a", form), ("b", form)]


@pytest.mark.parametrize(
    ("first", "second"), [("A.TIF", "a.tif"), ("B.PNG", "b.jpg"), ("zürich.png", "ZÜRICH.ome.tif")]
)
def test_two_names_that_differ_in_their_case_only_are_refused(tmp_path, first, second):
    for name in (first, second):
        _touch(tmp_path / "images" / name)
    both = [names.escaped(str(tmp_path / "images" / name)) for name in sorted((first, second))]
    message = re.escape(f"in more than upper and lower case: {both[0]} and {both[1]}; ")
    with pytest.raises(ValueError, match=message):
        listing.list_images(str(tmp_path), "folder")
    with pytest.raises(ValueError, match=message):
        listing.list_pictures([str(tmp_path / "images" / name) for name in (first, second)])
