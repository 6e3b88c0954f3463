"""The names of images: Unicode, extensions, and two names for which there is one result."""

import os
import re
import unicodedata

import pytest

from affinity_seg import names
from affinity_seg.data import image_names, listing

_NFC, _NFD = (unicodedata.normalize(form, "zürich_é") for form in ("NFC", "NFD"))


def _touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


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
    (tmp_path / "instances" / "c.png").unlink()
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
