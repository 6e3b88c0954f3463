"""Data sets to TFRecords: pixels are kept, bad files are named, nothing is half written."""

import hashlib
import json
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tifffile

from affinity_seg import class_tables, common, labels, rejected_inputs
from affinity_seg.data import (
    bit_depth,
    checks,
    graph_examples,
    listing,
    pictures,
    record_damage,
    tfrecords,
)

_NUCLEI = os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared", "data", "nuclei")
_CELLS = labels.ClassTable(
    name="cells", class_names=("background", "cell"), label_ids=(1,), encoding="ids"
)


def _write(folder, name, image, instances):
    for part, content in (("images", image), ("instances", instances)):
        os.makedirs(folder / part, exist_ok=True)
        suffix = ".jpg" if part == "images" and name == "photo" else ".png"
        assert cv2.imwrite(str(folder / part / (name + suffix)), content)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b", "photo"):
        instances = np.zeros([12, 20], np.uint16)
        instances[2:5, 3:9] = 1
        instances[7:9, 3:9] = 40000
        _write(tmp_path / "set", name, rng.integers(0, 255, [12, 20, 3], np.uint8), instances)
    return tmp_path / "set"


def _records(paths):
    return [
        tf.train.Example.FromString(serialized).features.feature
        for path in paths
        for serialized in tf.data.TFRecordDataset(path).as_numpy_iterator()
    ]


def test_tiff_files_of_more_bits_are_stored_in_8_bits(folder, tmp_path):
    values = np.random.default_rng(1).integers(0, 4000, [12, 20], np.uint16)
    tifffile.imwrite(folder / "images" / "a.tif", values)
    os.remove(folder / "images" / "a.png")
    items = listing.list_labelled_images(str(folder), "folder")
    summary = tfrecords.write_tfrecords(items, _CELLS, str(tmp_path / "out"), "train", 1)
    dataset = tf.data.TFRecordDataset(summary.paths).map(graph_examples.decode)
    found = {e["filename"].decode(): e["image"] for e in dataset.as_numpy_iterator()}
    np.testing.assert_array_equal(found["a.tif"], bit_depth.to_8_bits(np.dstack([values] * 3)))
    tifffile.imwrite(folder / "images" / "b.tif", np.stack([values] * 2), photometric="minisblack")
    os.remove(folder / "images" / "b.png")
    items = listing.list_labelled_images(str(folder), "folder")
    with pytest.raises(ValueError, match=r"images/b\.tif: the TIFF file has 2 pages"):
        tfrecords.write_tfrecords(items, _CELLS, str(tmp_path / "out"), "train", 1)


def test_round_trip(folder, tmp_path):
    items = listing.list_labelled_images(str(folder), "folder")
    summary = tfrecords.write_tfrecords(items, _CELLS, str(tmp_path / "out"), "train", 2)
    assert [os.path.basename(path) for path in summary.paths] == [
        "train-00000-of-00002.tfrecord",
        "train-00001-of-00002.tfrecord",
    ]
    assert dict(summary.instances_of_class) == {1: 6}
    assert dict(summary.pixels_of_class) == {0: 3 * 210, 1: 3 * 30}
    records = _records(summary.paths)
    by_name = {r[common.IMAGE_FILENAME].bytes_list.value[0].decode(): r for r in records}
    assert sorted(by_name) == ["a.png", "b.png", "photo.jpg"]
    dataset = tf.data.TFRecordDataset(summary.paths).map(graph_examples.decode)
    decoded_by_name = {e["filename"].decode(): e for e in dataset.as_numpy_iterator()}
    for item in items:
        record = by_name[item.filename]
        with open(item.image_path, "rb") as file:
            content = file.read()
        assert record[common.IMAGE_SHA256].bytes_list.value[0].decode() == (
            hashlib.sha256(content).hexdigest()
        )
        if item.name == "photo":
            assert record[common.IMAGE_ENCODED].bytes_list.value[:] == [content]
        decoded = decoded_by_name[item.filename]
        image = pictures.decode(item.image_path, content, ("PNG", "JPEG"))
        np.testing.assert_array_equal(decoded["image"], image)
        stored = cv2.imread(item.truth_path, cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(decoded["instances"], stored)
        assert record[common.IMAGE_HEIGHT].int64_list.value[0] == 12
        assert record[common.IMAGE_WIDTH].int64_list.value[0] == 20
    assert by_name["photo.jpg"][common.IMAGE_FORMAT].bytes_list.value[0] == b"jpeg"
    # Another number of shards replaces the old ones; other splits stay.
    tfrecords.write_tfrecords(items, _CELLS, str(tmp_path / "out"), "val", 1)
    tfrecords.write_tfrecords(items, _CELLS, str(tmp_path / "out"), "train", 3)
    assert len([f for f in os.listdir(tmp_path / "out") if f.startswith("train")]) == 3
    assert len(os.listdir(tmp_path / "out")) == 4


def _png_of_size(height, width):
    """Returns a PNG of a few bytes whose header claims a size."""
    content = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + kind + data
        content += struct.pack(">I", zlib.crc32(kind + data))
    return content


def _photo(orientation):
    """Returns a JPEG of 12x20 pixels with an EXIF orientation and a thumbnail's end inside."""
    content = cv2.imencode(".jpg", np.zeros([12, 20, 3], np.uint8))[1].tobytes()
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + b"\0\0\0\0" + b"\xff\xd9"
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + content[2:]


def _break(path, **changes):
    if "bytes" in changes:
        with open(path, "rb+") as file:
            file.truncate(changes["bytes"])
    elif "content" in changes:
        with open(path, "wb") as file:
            file.write(changes["content"])
    elif "text" in changes:
        with open(path, "w", encoding="utf-8") as file:
            file.write(changes["text"])
    else:
        cv2.imwrite(path, changes["image"])


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        ("images/b.png", {"bytes": 200}, r"images/b\.png: the file is damaged or cut off, 200"),
        ("images/photo.jpg", {"bytes": 200}, r"photo\.jpg: the file is damaged or cut off"),
        ("images/b.png", {"text": "hello"}, r"images/b\.png: not a PNG, JPEG, BMP or TIFF file"),
        ("images/b.png", {"bytes": 0}, r"images/b\.png: not a PNG, JPEG, BMP or TIFF file"),
        ("instances/b.png", {"bytes": 60}, r"instances/b\.png: the file is damaged"),
        ("images/photo.jpg", {"content": _photo(6)}, r"photo\.jpg: EXIF orientation .*: 6; store"),
        ("images/photo.jpg", {"content": _photo(1)[:-90]}, r"photo\.jpg: the file is damaged"),
        ("images/b.png", {"content": _png_of_size(8200, 8200)}, r"2 to 67108864 .*: 8200x8200"),
        ("images/b.png", {"content": _png_of_size(1, 1)}, r"2 to 67108864 pixels: 1x1"),
        ("images/b.png", {"content": _png_of_size(90000, 90000)}, r"b\.png: must have 2 to"),
        (
            "instances/b.png",
            {"content": _png_of_size(8200, 8200)},
            r"instances/b\.png: .* 2 to 67108864",
        ),
        (
            "instances/b.png",
            {"image": np.zeros([12, 21], np.uint16)},
            r"instances/b\.png: must have the size of its image, 12x20: 12x21",
        ),
        (
            "instances/b.png",
            {"image": np.zeros([12, 20, 3], np.uint8)},
            r"instances/b\.png: an instance image must have one channel of 8 or 16 bits",
        ),
    ],
)
def test_bad_files_are_named_and_nothing_is_written(folder, tmp_path, part, changes, message):
    _break(str(folder / part), **changes)
    items = listing.list_labelled_images(str(folder), "folder")
    with pytest.raises(ValueError, match=message):
        tfrecords.write_tfrecords(items, _CELLS, str(tmp_path / "out"), "train", 2)
    assert os.listdir(tmp_path / "out") == []


def test_without_any_instance_nothing_is_written(folder, tmp_path):
    for name in ("a", "b", "photo"):
        _break(str(folder / "instances" / f"{name}.png"), image=np.full([12, 20], 7, np.uint16))
    items = listing.list_labelled_images(str(folder), "folder")
    message = r"set/instances: class table 'cityscapes' .* no instance in 3 images; .*: \[7\]"
    with pytest.raises(ValueError, match=message):
        tfrecords.write_tfrecords(items, class_tables.CITYSCAPES, str(tmp_path / "out"), "train", 2)
    assert os.listdir(tmp_path / "out") == []


def test_a_label_id_that_cityscapes_does_not_have(folder):
    item = listing.list_labelled_images(str(folder), "folder")[0]
    _break(item.truth_path, image=np.full([12, 20], 33, np.uint16))
    assert checks.read_item(item, class_tables.CITYSCAPES).values.tolist() == [33]
    _break(item.truth_path, image=np.full([12, 20], 34, np.uint16))
    with pytest.raises(ValueError, match=r"a\.png: a value below 1000 .* in \[0, 33\]: \[34\]"):
        checks.read_item(item, class_tables.CITYSCAPES)


def test_stuff_of_cityscapes_19_has_no_instances(folder):
    item = listing.list_labelled_images(str(folder), "folder")[0]
    stored = np.full([12, 20], 11, np.uint16)
    stored[:2] = 26001
    _break(item.truth_path, image=stored)
    checked = checks.read_item(item, class_tables.CITYSCAPES_19)
    assert dict(checked.pixels_of_class) == {2: 200, 13: 40}
    assert dict(checked.instances_of_class) == {13: 1}
    _break(item.truth_path, image=np.full([12, 20], 11001, np.uint16))
    with pytest.raises(ValueError, match=r"1000 times .*'cityscapes_19', \[24, .*\[11001\]"):
        checks.read_item(item, class_tables.CITYSCAPES_19)
    _break(item.truth_path, image=np.full([12, 20], 34, np.uint16))
    with pytest.raises(ValueError, match=r"'cityscapes_19', in \[0, 33\]: \[34\]"):
        checks.read_item(item, class_tables.CITYSCAPES_19)


def test_label_ids_need_16_bits(folder):
    item = listing.list_labelled_images(str(folder), "folder")[0]
    _break(item.truth_path, image=np.full([12, 20], 7, np.uint8))
    assert checks.read_item(item, _CELLS).values.tolist() == [7]
    with pytest.raises(ValueError, match=r"a\.png: .* 16 bits with .*label_times_1000': uint8"):
        checks.read_item(item, class_tables.CITYSCAPES)


def test_shards_replace_older_ones_whatever_the_folder_is_called(folder, tmp_path, monkeypatch):
    items = listing.list_labelled_images(str(folder), "folder")
    output = tmp_path / "out [1]*"
    tfrecords.write_tfrecords(items, _CELLS, str(output), "train", 3)
    renamed = []

    def replace(temporary, path, replace=os.replace):
        renamed.append(
            set(os.listdir(output)) & {f"train-{i:05d}-of-00003.tfrecord" for i in (0, 1, 2)}
        )
        replace(temporary, path)

    monkeypatch.setattr(os, "replace", replace)
    tfrecords.write_tfrecords(items, _CELLS, str(output), "train", 2)
    assert renamed == [set(), set()]  # No older shard is left when the first new one appears.
    assert sorted(os.listdir(output)) == [f"train-{i:05d}-of-00002.tfrecord" for i in (0, 1)]
    with pytest.raises(ValueError, match="`split` must be a name"):
        tfrecords.write_tfrecords(items, _CELLS, str(output), "../train", 2)


def test_unknown_label_id(folder):
    item = listing.list_labelled_images(str(folder), "folder")[0]
    with pytest.raises(ValueError, match=r"a\.png: an instance must be 1000 times .*\[40000\]"):
        checks.read_item(item, class_tables.CITYSCAPES)


def test_number_of_shards(folder, tmp_path):
    items = listing.list_labelled_images(str(folder), "folder")
    for count in (0, 4):
        with pytest.raises(ValueError, match=rf"`num_shards` must be in \[1, 3\].*: {count}"):
            tfrecords.write_tfrecords(items, _CELLS, str(tmp_path), "train", count)


def test_nuclei(tmp_path):
    if not os.path.isdir(_NUCLEI):
        pytest.skip("skipped: ../shared/data/nuclei not found")
    items = listing.list_labelled_images(os.path.join(_NUCLEI, "val"), "folder")
    summary = tfrecords.write_tfrecords(items, _CELLS, str(tmp_path), "val", 2)
    assert len(_records(summary.paths)) == len(items) == 40
    assert summary.instances_of_class[1] > 500


def test_incomplete_sets_of_shards_are_refused(folder, tmp_path):
    items = listing.list_labelled_images(str(folder), "folder")
    paths = tfrecords.write_tfrecords(items, _CELLS, str(tmp_path / "out"), "train", 3).paths
    pattern = str(tmp_path / "out" / "train-*.tfrecord")
    tfrecords.require_shards(pattern)
    tfrecords.require_shards(paths[0])
    os.remove(paths[1])
    with pytest.raises(FileNotFoundError, match=r"1 of 3 shards are missing.*train-00001-of-00003"):
        tfrecords.require_shards(pattern)
    with pytest.raises(FileNotFoundError, match="must match TFRecord files"):
        tfrecords.require_shards(str(tmp_path / "val-*"))
    (tmp_path / "nothing.tfrecord").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"nothing.tfrecord matches 1, all of 0 bytes"):
        tfrecords.require_shards(str(tmp_path / "nothing.tfrecord"))


def _rejected(folder):
    with open(folder / "rejected.json", encoding="utf-8") as file:
        return {entry["name"]: entry["reason"] for entry in json.load(file)}


def test_images_that_cannot_be_used_are_listed_and_the_others_written(folder, tmp_path):
    _break(str(folder / "images" / "a.png"), bytes=200)
    _break(str(folder / "instances" / "b.png"), image=np.zeros([12, 21], np.uint16))
    items = listing.list_labelled_images(str(folder), "folder")
    arguments = str(tmp_path / "out"), "train", 2
    rejected = rejected_inputs.RejectedInputs(arguments[0])
    summary = tfrecords.write_tfrecords(items, _CELLS, *arguments, rejected)
    assert summary.count == 1 and rejected.finish() == rejected_inputs.EXIT_STATUS
    names = [r[common.IMAGE_FILENAME].bytes_list.value[0] for r in _records(summary.paths)]
    assert names == [b"photo.jpg"]
    reasons = _rejected(tmp_path / "out")
    assert list(reasons) == ["a", "b"]
    assert "images/a.png: the file is damaged" in reasons["a"]
    assert "instances/b.png: must have the size of its image, 12x20: 12x21" in reasons["b"]
    _break(str(folder / "images" / "photo.jpg"), bytes=200)
    with pytest.raises(ValueError, match="none of the 3 images of train can be used"):
        tfrecords.write_tfrecords(items, _CELLS, *arguments, rejected)
    assert [r[common.IMAGE_FILENAME].bytes_list.value[0] for r in _records(summary.paths)] == names


def test_images_without_truth_are_listed_unless_all_are(folder, tmp_path):
    os.remove(folder / "instances" / "b.png")
    rejected = rejected_inputs.RejectedInputs(str(tmp_path / "out"))
    items = listing.list_labelled_images(str(folder), "folder", rejected=rejected)
    assert [item.name for item in items] == ["a", "photo"]
    assert "instances/b.png: the instance image is missing" in _rejected(tmp_path / "out")["b"]
    strict = rejected_inputs.RejectedInputs(str(tmp_path / "out"), strict=True)
    with pytest.raises(FileNotFoundError, match="1 instance image is missing"):
        listing.list_labelled_images(str(folder), "folder", rejected=strict)
    for name in ("a", "photo"):
        os.remove(folder / "instances" / f"{name}.png")
    with pytest.raises(FileNotFoundError, match="3 instance images are missing"):
        listing.list_labelled_images(str(folder), "folder", rejected=rejected)


@pytest.mark.parametrize("damage", ["flip", "cut", "picture"])
def test_a_damaged_shard_is_named(folder, tmp_path, damage):
    items = listing.list_labelled_images(str(folder), "folder")
    path = tfrecords.write_tfrecords(items, _CELLS, str(tmp_path / "out"), "train", 3).paths[1]
    with open(path, "rb") as file:
        content = file.read()
    if damage == "picture":
        (example,) = tf.data.TFRecordDataset(path).as_numpy_iterator()
        example = tf.train.Example.FromString(example)
        example.features.feature[common.IMAGE_ENCODED].bytes_list.value[0] = b"\x89PNG\r\n\x1a\n"
        with tf.io.TFRecordWriter(path) as writer:
            writer.write(example.SerializeToString())
    else:
        with open(path, "wb") as file:
            at = len(content) // 2
            flipped = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
            file.write(flipped if damage == "flip" else content[:-5])
    pattern = str(tmp_path / "out" / "train-*")
    message = r"train-00001-of-00003\.tfrecord: the file is damaged"
    with pytest.raises(ValueError, match=message), record_damage.damage_named(pattern):
        paths = sorted(tf.io.gfile.glob(pattern))
        list(tf.data.TFRecordDataset(paths).map(graph_examples.decode))
    with (
        pytest.raises(tf.errors.InvalidArgumentError, match="another"),
        record_damage.damage_named(""),
    ):
        raise tf.errors.InvalidArgumentError(None, None, "another error")
