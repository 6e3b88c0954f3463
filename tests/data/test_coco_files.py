"""Truth in COCO's form: crowds, sizes, and everything that may be wrong in a file."""

import json
import os

import numpy as np
import pytest
import truth_writers as writers
from pycocotools import mask as coco_mask

from affinity_seg import files, labels
from affinity_seg.data import (
    annotated_shapes,
    coco_files,
    listing,
    truth_classes,
    truth_files,
)
from affinity_seg.evaluation.truth import read_truth
from affinity_seg.rejected_inputs import RejectedInputs

_TABLE = labels.ClassTable("plants", ("background", "leaf", "cell"), (5, 9), (255,))


@pytest.fixture
def folder(tmp_path):
    writers.write_image(tmp_path)
    return tmp_path


def _write(folder, change=None, segmentation=writers.as_polygons):
    content = writers.coco(writers.objects(), segmentation)
    if change is not None:
        change(content)
    writers.write_json(folder / "instances.json", content)


def _read(folder, change=None, segmentation=writers.as_polygons):
    _write(folder, change, segmentation)
    (item,) = listing.list_labelled_images(str(folder), "folder")
    return read_truth(item, _TABLE, writers.SIZE)


def _set(key, value, index=0):
    return lambda content: content["annotations"][index].update({key: value})


def test_a_crowd_is_void_below_all_objects(folder):
    everything = {"size": [40, 60], "counts": [0, 2400]}

    def change(content):
        crowd = dict(content["annotations"][0], iscrowd=1, segmentation=everything, id=99)
        content["annotations"].insert(3, crowd)

    truth = _read(folder, change)
    ids = writers.objects()
    np.testing.assert_array_equal(truth.ignored, ids == 0)
    assert len(truth.instance_classes) == 7
    (item,) = listing.list_labelled_images(str(folder), "folder")
    without = labels.ClassTable("x", ("background", "cell", "leaf"), (1, 2))
    with pytest.raises(ValueError, match=r"a\.png: annotation 99 is void, .* `void_label_ids: \["):
        truth_files.read(item, without)


def test_file_names_with_folder_and_backslash(folder):
    for name in ("images/a.png", "images\\a.png", "./a.png"):
        truth = _read(
            folder, lambda content, name=name: content["images"][0].update(file_name=name)
        )
        assert len(truth.instance_classes) == 7


def test_an_image_in_the_folder_of_a_scene(folder):
    os.makedirs(folder / "scene")
    os.rename(folder / "images", folder / "scene" / "images")
    truth = _read(
        folder, lambda content: content["images"][0].update(file_name="scene/images/a.png")
    )
    assert len(truth.instance_classes) == 7


def test_corners_a_little_outside_are_moved_into_the_image(folder):
    corners = [-0.5, -1, 60.7, -0.2, 60.7, 41, -0.5, 41]
    truth = _read(folder, _set("segmentation", [corners]))
    assert (truth.instance_ids > 0).all()


def test_categories_without_annotations_are_no_classes(folder):
    _write(folder, lambda content: content["categories"].append({"id": 1, "name": "things"}))
    assert coco_files.class_names(str(folder / "instances.json")) == ["cell", "leaf"]
    items = listing.list_labelled_images(str(folder), "folder")
    table = truth_classes.choose(items, None, str(folder))
    assert table.class_names == ("background", "cell", "leaf") and table.label_ids == (1, 2)


def test_too_many_classes_for_a_table(folder):
    def change(content):
        content["categories"] = [{"id": i, "name": f"c{i}"} for i in range(70)]
        one = content["annotations"][0]
        content["annotations"] = [dict(one, id=i, category_id=i) for i in range(70)]

    _write(folder, change)
    items = listing.list_labelled_images(str(folder), "folder")
    with pytest.raises(ValueError, match=r"instances\.json: its classes make no class table, give"):
        truth_classes.choose(items, None, str(folder))


_OUTSIDE = [1, 1, 70, 1, 70, 20]
_SHORT = {"size": [40, 60], "counts": [10, 5]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("category_id", 8), r"annotation 1: `category_id` .* \[3, 4\]: 8"),
        (_set("category_id", "cell"), "`category_id` must be a whole number: 'cell'"),
        (_set("iscrowd", 2), "`iscrowd` must be 0 or 1: 2"),
        (_set("segmentation", []), r"must be a list of polygons, or run lengths .*: \[\]"),
        (_set("segmentation", None), "a box alone is no mask: None"),
        (_set("segmentation", [[1, 1, 5, 5]]), "must have at least 3 points: 2"),
        (_set("segmentation", [[1, 1, 5, 5, 3]]), "x and y of each point: 5 numbers"),
        (_set("segmentation", [[1, 1, 5, 5, 3, "4"]]), "must be numbers: '4'"),
        (_set("segmentation", [[1, 1, 5, 5, 3, float("nan")]]), "must be finite numbers: nan"),
        (_set("segmentation", [1, 1, 5, 5, 3, 9]), "must be polygons: 1"),
        (_set("segmentation", [_OUTSIDE]), r"must lie in the image of 40x60 .*: x=70, y=1"),
        (_set("segmentation", _SHORT), "must cover the image, 2400 pixels: 15"),
        (_set("segmentation", {"size": [60, 40], "counts": [2400]}), r"\[40, 60\]: \[60, 40\]"),
        (_set("segmentation", {"size": [40, 60], "counts": [-5, 2405]}), "negative: -5"),
        (_set("segmentation", {"size": [40, 60], "counts": [0, 9.5]}), "run lengths: 9.5"),
        (_set("segmentation", {"size": [40, 60], "counts": "zzzz\x7f"}), "compressed run lengths"),
        (_set("segmentation", {"size": [40, 60], "counts": "PPP"}), "are cut off: 'PPP'"),
        (_set("segmentation", {"size": [40, 60], "counts": "P" * 99}), "compressed run lengths"),
        (_set("segmentation", {"size": [40, 60], "counts": "5"}), "2400 pixels: 5"),
        (lambda c: c["images"][0].update(height=80), r"the size that the file says, 80x60: 40x60"),
        (lambda c: c["images"][0].update(height="40"), "`height` of a.png must be a number: '40'"),
    ],
)  # fmt: skip
def test_an_image_that_cannot_be_used(folder, change, message):
    with pytest.raises(ValueError, match=rf"instances\.json: .*{message}"):
        _read(folder, change)


def _images(**fields):
    return lambda content: content["images"][0].update(fields)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("images"), "`images` must be a list, as in COCO: None"),
        (lambda c: c.update(annotations={}), "`annotations` must be a list"),
        (lambda c: c["annotations"].append(3), "each of `annotations` must be an object"),
        (lambda c: c["categories"].append({"id": 3, "name": "x"}), "different ids and names: 3"),
        (lambda c: c["categories"].append({"id": 9, "name": "cell"}), "different .*: 9, 'cell'"),
        (lambda c: c["categories"].append({"id": 9}), "`name` of category 9 must be a text: None"),
        (lambda c: c["images"].append(dict(c["images"][0])), "different ids and file names: 7"),
        (_set("image_id", 8), r"1 annotations have others, \[8\]; export the file again"),
        (_set("image_id", True), "annotation 1: `image_id` must be a whole number: True"),
        (_images(file_name="../a.png"), "must name a file inside of the folder .*: '../a.png'"),
        (_images(file_name="/etc/passwd"), "`file_name` of image 7 must name a file inside"),
        (_images(file_name="C:\\a.png"), "must name a file inside"),
        (_images(file_name="x/../../a.png"), "must name a file inside"),
        (_images(file_name=3), "must be a text: 3"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used(folder, change, message):
    _write(folder, change)
    with pytest.raises(ValueError, match=rf"instances\.json: .*{message}"):
        listing.list_images(str(folder), "folder")


def test_damaged_files(folder):
    _write(folder)
    path = folder / "instances.json"
    content = path.read_text()
    for text, message in (
        (content[:-50], "the file is damaged"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "must be an object of JSON"),
        ("", "the file is damaged"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=rf"instances\.json.*{message}"):
            listing.list_images(str(folder), "folder")


def test_one_wrong_image_of_several_is_listed(folder, tmp_path):
    writers.write_image(folder, "b")

    def change(content):
        content["images"].append(dict(content["images"][0], id=8, file_name="b.png"))
        content["annotations"].append(dict(content["annotations"][0], image_id=8, category_id=77))

    _write(folder, change)
    rejected = RejectedInputs(str(tmp_path / "out"))
    items = listing.list_labelled_images(str(folder), "folder", rejected=rejected)
    from affinity_seg.data import checks

    (checked,) = checks.read_items(items, _TABLE, rejected)
    assert checked.item.name == "a" and "b" in rejected


def test_the_file_of_many_images_is_hashed_once(folder, monkeypatch):
    writers.write_image(folder, "b")
    _write(folder, lambda content: content["images"].append({"id": 8, "file_name": "b.png"}))
    hashed, sha256 = [], files.sha256
    monkeypatch.setattr(files, "sha256", lambda path: hashed.append(path) or sha256(path))
    items = listing.list_images(str(folder), "folder")
    first = [truth_files.digest(item) for item in items]
    assert len(items) == 2 and first[0] == first[1] and len(hashed) == 1
    with open(folder / "instances.json", "a", encoding="utf-8") as file:
        file.write(" ")
    assert truth_files.digest(items[0]) != first[0]


def test_compressed_run_lengths_are_those_of_pycocotools():
    rng = np.random.default_rng(3)
    for share in (0.02, 0.5, 0.97):
        mask = rng.random((37, 53)) < share
        text = writers.as_text(mask)["counts"]
        assert coco_files._decompressed("x", text) == writers.as_counts(mask)["counts"]
    assert json.dumps(text)


def test_polygons_are_filled_as_by_pycocotools_in_the_whole_image():
    rng = np.random.default_rng(5)
    size, painted = (50, 70), 0
    for _ in range(200):
        center, spread = rng.random(2) * (70, 50), rng.random() * 30
        points = np.clip(center + rng.normal(size=(rng.integers(3, 9), 2)) * spread, 0, (70, 50))
        wanted = coco_mask.decode(coco_mask.frPyObjects([points.ravel().tolist()], *size))[..., 0]
        polygon = [tuple(point) for point in points.tolist()]
        one = annotated_shapes.from_polygons("x", "a", [polygon], size)
        found = np.zeros(size, bool)
        found[one.window] = one.mask
        np.testing.assert_array_equal(found, wanted)
        painted += found.sum()
    assert painted > 10_000
