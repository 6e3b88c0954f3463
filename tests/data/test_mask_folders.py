"""Folders with one binary mask for each object, and files in them that are none."""

import json
import os
import shutil

import cv2
import numpy as np
import PIL.Image
import pytest
import tifffile
import truth_writers as writers

from affinity_seg import labels, verbs
from affinity_seg.data import listing, mask_folders, truth_files

_CELLS = labels.ClassTable("cells", ("background", "cell"), (1,), encoding="ids")


@pytest.fixture
def folder(tmp_path):
    writers.write_image(tmp_path)
    writers.as_masks(tmp_path, writers.objects())
    return tmp_path / "masks" / "a"


def _smoothed():
    return cv2.GaussianBlur(np.uint8(255) * (writers.objects() == 1), (5, 5), 1)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros(writers.SIZE, np.uint8), "must have a pixel: all are 0; remove it"),
        (_smoothed(), r"must have one value beside 0: \d+ values .* smoothed or resized"),
        (writers.objects().astype(np.uint8), "7 values above 0, .* store the file as instances/"),
        (np.ones((20, 30), np.uint8), "must have the size of its image, 40x60: 20x30"),
        (np.ones((*writers.SIZE, 3), np.uint8), "all colours are grey: save the values as one"),
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_files_that_are_no_masks(folder, pixels, message, suffix):
    path = str(folder / f"x{suffix}")
    if suffix == ".png":
        cv2.imwrite(path, pixels)
    else:
        tifffile.imwrite(path, pixels)
    with pytest.raises(ValueError, match=rf"x\{suffix}: .*{message}"):
        mask_folders.read(str(folder), writers.SIZE)


def test_other_files_and_damaged_ones(folder):
    path = folder / "x.jpg"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"x\.jpg: a folder of masks must hold only files"):
        mask_folders.read(str(folder), writers.SIZE)
    os.remove(path)
    (folder / ".DS_Store").write_bytes(b"")
    content = (folder / "001.png").read_bytes()
    (folder / "001.png").write_bytes(content[:-30])
    with pytest.raises(ValueError, match=r"001\.png: the file is damaged or cut off"):
        mask_folders.read(str(folder), writers.SIZE)


@pytest.mark.parametrize("high", [1, 255])
def test_masks_of_one_bit_and_of_any_value(folder, high):
    PIL.Image.fromarray(writers.objects() == 1).save(folder / "001.png")
    cv2.imwrite(str(folder / "002.png"), np.uint8(high) * (writers.objects() == 2))
    found = mask_folders.read(str(folder), writers.SIZE)
    assert [one.where for one in found] == [f"{number:03d}.png" for number in range(1, 8)]
    for number in (1, 2):
        assert found[number - 1].mask.sum() == (writers.objects() == number).sum()


def test_an_empty_folder_has_no_object(folder):
    for file in os.listdir(folder):
        os.remove(folder / file)
    (item,) = listing.list_labelled_images(str(folder.parent.parent), "folder")
    assert not truth_files.read(item, _CELLS).values.any()


def test_files_beside_the_folders_of_masks(folder):
    path = folder.parent / "a.png"
    cv2.imwrite(str(path), writers.objects().astype(np.uint16))
    with pytest.raises(ValueError, match=r"masks/a\.png: .* rename the folder to instances"):
        listing.list_images(str(folder.parent.parent), "folder")


def test_two_pictures_in_a_scene(tmp_path):
    writers.write_image(tmp_path)
    writers.FORMS["Data Science Bowl"](tmp_path, writers.objects())
    writers.write_image(tmp_path / "a", "b")
    with pytest.raises(
        ValueError, match=r"a/images: must hold one picture: 2, a\.png, b\.png; put"
    ):
        listing.list_images(str(tmp_path), "folder")


def test_overlaps_are_said_and_many_objects_in_one_mask_refused(tmp_path, capsys):
    data, out = tmp_path / "data", tmp_path / "out"
    for name in ("a", "b"):
        writers.write_image(data, name)
    writers.as_masks(data, writers.objects())
    os.makedirs(data / "masks" / "b")
    for name in ("1", "2"):
        cv2.imwrite(str(data / "masks" / "b" / f"{name}.png"), np.full(writers.SIZE, 9, np.uint8))
    flags = [f"--input={data}", "--layout=folder", "--split=train", f"--output_dir={out}"]
    assert verbs.run("prepare", [*flags, "--num_shards=1"]) == 0
    said = capsys.readouterr().out
    assert f"overlaps: {40 * 60} pixels belong" in said and "cover them wholly: 1," in said
    many = np.kron(np.eye(10), np.ones((4, 6))).astype(np.uint8)
    many[:, 1::3] = 0
    for name in ("a", "b"):
        for file in os.listdir(data / "masks" / name):
            os.remove(data / "masks" / name / file)
        cv2.imwrite(str(data / "masks" / name / "1.png"), many)
    with pytest.raises(ValueError, match="seem to be binary masks"):
        verbs.run("prepare", [*flags, "--num_shards=1"])


def test_a_wrong_mask_leaves_its_image_out(tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    for name in ("a", "b"):
        writers.write_image(data, name)
    writers.as_masks(data, writers.objects())
    os.makedirs(data / "masks" / "b")
    cv2.imwrite(str(data / "masks" / "b" / "1.png"), _smoothed())
    flags = [f"--input={data}", "--layout=folder", "--split=train", f"--output_dir={out}"]
    assert verbs.run("prepare", [*flags, "--num_shards=1"]) == 3
    listed = (out / "rejected.json").read_text()
    assert "b/1.png: the mask of an object must have one value beside 0" in listed


def _write_scene(data, name):
    folder = data / name
    os.makedirs(folder / "masks")
    writers.write_image(folder, name)
    for number, mask in writers.masks_of(writers.objects()).items():
        cv2.imwrite(str(folder / "masks" / f"{number}.png"), np.uint8(255) * mask)
    return folder


def test_broken_folders_of_the_data_science_bowl(tmp_path, capsys, warnings):
    data, out = tmp_path / "data", tmp_path / "out"
    for name in ("right", "without", "large", "empty", "twice", "alone"):
        _write_scene(data, name)
    shutil.rmtree(data / "without" / "masks")
    cv2.imwrite(str(data / "large" / "masks" / "3.png"), np.full((41, 60), 255, np.uint8))
    cv2.imwrite(str(data / "empty" / "masks" / "3.png"), np.zeros(writers.SIZE, np.uint8))
    shutil.copy(data / "twice" / "masks" / "3.png", data / "twice" / "masks" / "9.png")
    shutil.rmtree(data / "alone" / "images")
    flags = [f"--input={data}", "--layout=folder", "--split=train", f"--output_dir={out}"]
    assert verbs.run("prepare", [*flags, "--num_shards=1"]) == 3
    listed = {one["name"]: one["reason"] for one in json.loads((out / "rejected.json").read_text())}
    assert listed == {
        "without": f"{data}/without/masks: the folder of masks is missing",
        "large": f"{data}/large/masks/3.png: must have the size of its image, 40x60: 41x60",
        "empty": f"{data}/empty/masks/3.png: the mask of an object must have a pixel: all are 0; "
        "remove it",
    }
    assert f"1 of 5 folders of masks has no image: {data}/alone/masks" in warnings
    said = capsys.readouterr().out
    assert (
        f"cover them wholly: 1, because they have no pixel: 0; left out: {data}/twice/mas" in said
    )
    assert "twice/masks: 3.png\n" in said
    assert "2 images in 1 shards" in said
    os.remove(data / "right" / "images" / "right.png")
    shutil.rmtree(out)
    with pytest.raises(ValueError, match=r"right/images: must hold one picture: 0, none; put the"):
        verbs.run("prepare", [*flags, "--num_shards=1"])
    assert not out.exists()
