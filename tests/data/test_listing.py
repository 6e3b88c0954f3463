"""Listing images with their truth: what is missing, and what is left over."""

import os
import unicodedata

import pytest

from affinity_seg.data import listing, plane_choice
from affinity_seg.rejected_inputs import RejectedInputs

_NFC, _NFD = (unicodedata.normalize(form, "zürich_é") for form in ("NFC", "NFD"))


def _touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


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
    message = (
        r"missing:\n.*a\.png\n  1 of 1 instance image has no image: .*a_mask\.png; "
        r"each instance image must have the name of its image$"
    )
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


def test_a_folder_with_the_name_of_a_picture_is_none(tmp_path):
    _touch(tmp_path / "a.png")
    (tmp_path / "b.png").mkdir()
    assert [item.name for item in listing.list_pictures([str(tmp_path)])] == ["a"]


def test_what_converts_files_of_microscopes(tmp_path, warnings):
    for name in ("images/a.png", "instances/a.png", "images/b.CZI"):
        _touch(tmp_path / name)
    listing.list_labelled_images(str(tmp_path), "folder")
    (skipped,) = warnings
    assert "b.CZI; convert it, e.g. with `bfconvert` of Bio-Formats to OME-TIFF, or" in skipped


def test_rejected_inputs_have_one_form_of_a_name(tmp_path):
    _touch(tmp_path / "images" / f"{_NFD}.png")
    _touch(tmp_path / "images" / "a.png")
    _touch(tmp_path / "instances" / "a.png")
    rejected = RejectedInputs(str(tmp_path / "out"))
    listing.list_labelled_images(str(tmp_path), "folder", rejected=rejected)
    assert _NFC in rejected and len(rejected) == 1


def test_pages_of_a_file_have_names_of_their_own(tmp_path):
    _touch(tmp_path / "stack.tif")
    path = str(tmp_path / "stack.tif")
    names = [
        listing.list_pictures([path], plane_choice.choose(page, None))[0].name
        for page in (None, 1, 12)
    ]
    assert names == ["stack", "stack_page1", "stack_page12"]


def test_of_images_that_all_lack_truth_the_first_are_named(tmp_path):
    for number in range(9):
        _touch(tmp_path / "images" / f"{number}.png")
    with pytest.raises(FileNotFoundError, match=r"(?s)9 instance .*0\.png.*and 6 more$"):
        listing.list_labelled_images(str(tmp_path), "folder")


def test_a_flat_folder_is_told_what_is_missing(tmp_path):
    _touch(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match="pictures must lie in `images`, and truth in one"):
        listing.list_labelled_images(str(tmp_path), "folder")


def test_a_folder_of_pictures_is_to_be_moved_and_a_pattern_is_no_picture(tmp_path, warnings):
    for name in ("images/a.png", "images/sub/b.png"):
        _touch(tmp_path / name)
    listing.list_pictures([str(tmp_path / "images")])
    assert warnings[0].endswith("pictures of a folder must be moved beside the others to be read")
    assert "images: 1 folder with pictures beside 1 image is not read: sub/;" in warnings[0]
    with pytest.raises(FileNotFoundError, match="must be a file or a folder, not a pattern"):
        listing.list_pictures([str(tmp_path / "*.png")])


def test_where_only_folders_hold_pictures_they_are_named(tmp_path):
    for name in ("b b/1.png", "a/deep/1.tif", ".hidden/1.png", "c/notes.txt", "d/raw.czi"):
        _touch(tmp_path / name)
    message = (
        f"^{tmp_path} holds no pictures that are read, but its folders do, such as a/deep, b b; "
        f"name one of them, `--input={tmp_path}/a/deep`, or several if the names of all "
        "their pictures differ$"
    )
    with pytest.raises(FileNotFoundError, match=message):
        listing.list_pictures([str(tmp_path)])
    with pytest.raises(FileNotFoundError, match=r"there is no image .*; not read are raw\.czi$"):
        listing.list_pictures([str(tmp_path / "d")])
    (tmp_path / "a/deep/1.tif").unlink()
    with pytest.raises(FileNotFoundError, match=f"`'--input={tmp_path}/b b'`"):
        listing.list_pictures([str(tmp_path)])
