"""Images from TFRecords, whatever is in them."""

import apache_beam as beam
import cv2
import numpy as np
import picture_bytes
import pytest
import tensorflow as tf
import training_records

from affinity_seg import common
from affinity_seg.beam import sources
from affinity_seg.beam.elements import Image, Source
from affinity_seg.beam.segmenting import find_missing
from affinity_seg.beam.sources import read_records, take_unique
from affinity_seg.beam.steps import Step, StepSettings
from affinity_seg.data.items import Item
from affinity_seg.pipeline.finishing import DONE
from affinity_seg.rejected_inputs import RejectedInput

IMAGE = np.random.default_rng(0).integers(0, 256, (9, 300, 3), np.uint8)
TRUTH = np.full((9, 300), 26001, np.uint16)


def example(filename, **more):
    record = training_records.serialize(IMAGE, TRUTH, filename.decode())
    return training_records.change(record, more)


def write(path, *records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return str(path)


def outputs_of(function, element, strict=False):
    """Returns what a step yields: images, and inputs that cannot be used."""
    step = Step(function, StepSettings(strict))
    step.setup()
    found = list(step.process(element))
    rejected = [x.value for x in found if isinstance(x, beam.pvalue.TaggedOutput)]
    return [x for x in found if isinstance(x, Source)], rejected


def test_what_is_no_image_is_listed_and_the_others_are_read(tmp_path):
    path = write(
        tmp_path / "val.tfrecord",
        example(b"bonn/bonn_000000_000019_leftImg8bit.png"),
        b"no example",
        example(b"a.jpg", **{common.INSTANCE_ENCODED: None}),
        example(b"folder/.."),
        example(b"../../b.jpg"),
    )
    images, rejected = outputs_of(read_records, path)
    assert [image.item.name for image in images] == ["bonn_000000_000019", "b"]
    assert images[0].item.filename == "bonn/bonn_000000_000019_leftImg8bit.png"
    opened = images[0].open()
    np.testing.assert_array_equal(opened.decode(), IMAGE)
    assert (opened.height, opened.width) == (9, 300)
    stored = cv2.imdecode(np.frombuffer(opened.truth, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stored, TRUTH)
    step = Step(find_missing, StepSettings(strict=True), opened=lambda rejected: AllDone())
    step.setup()
    (done,) = step.process(images[0])
    assert done.tag == DONE and done.value == opened._replace(content=b"")
    assert [entry.name for entry in rejected] == [f"val.tfrecord#{i}" for i in (1, 2, 3)]
    assert {entry.file for entry in rejected} == {path}
    for entry, reason in zip(
        rejected, ("as `affinity_seg prepare`", common.INSTANCE_ENCODED, "'..'"), strict=True
    ):
        assert entry.reason.startswith(path) and reason in entry.reason
    damaged = example(b"c.png", **{common.IMAGE_ENCODED: [b"tile"] * 3})
    (image,), _ = outputs_of(read_records, write(tmp_path / "c.tfrecord", damaged), strict=True)
    with pytest.raises(
        ValueError, match=r"c\.tfrecord#0: the record is damaged: a tile must be .*c\.png"
    ):
        image.open().decode()
    message = r"val\.tfrecord#1: must be an image as `affinity_seg prepare`"
    with pytest.raises(ValueError, match=message):
        outputs_of(read_records, path, strict=True)


@pytest.mark.parametrize("place", [3, 20, -5])
def test_a_flipped_byte_ends_the_file(tmp_path, place):
    records = [example(f"{i}.png".encode()) for i in range(3)]
    path = write(tmp_path / "val.tfrecord", *records)
    content = bytearray((tmp_path / "val.tfrecord").read_bytes())
    content[len(content) // 3 * (2 if place < 0 else 1) + place] ^= 1
    (tmp_path / "val.tfrecord").write_bytes(content)
    images, rejected = outputs_of(read_records, path)
    assert [image.item.name for image in images] == ["0"]
    (entry,) = rejected
    assert entry.name == "val.tfrecord#1"
    assert "damaged or cut off, it and the rest of the file are left out" in entry.reason


def test_the_first_of_one_name_is_taken(tmp_path):
    same = [example(name) for name in (b"x/a.png", b"y/a.png", b"z/a.png")]
    path = write(tmp_path / "val.tfrecord", *same)
    images, _ = outputs_of(read_records, path)
    for order in (images, images[::-1]):
        taken, rejected = outputs_of(take_unique, ("a", order))
        assert [image.item.filename for image in taken] == ["x/a.png"]
        assert rejected == [
            RejectedInput(other, other, f"names of images must differ: {path}#0 and {other}: 'a'")
            for other in (f"{path}#1", f"{path}#2")
        ]


def test_what_is_listed(tmp_path):
    for name in ("b.tfrecord", "a.tfrecord", "c.png"):
        (tmp_path / name).write_bytes(b"")
    files = sources.list_sources(str(tmp_path / "*.tfrecord"), "tfrecords", "")
    assert files == [str(tmp_path / "a.tfrecord"), str(tmp_path / "b.tfrecord")]
    (image,) = sources.list_sources(str(tmp_path / "*.png"), "glob", "")
    assert image.item.name == "c" and image.item.truth_path is None
    with pytest.raises(FileNotFoundError, match=r"`input` must match files: .*\*\.jpg"):
        sources.list_sources(str(tmp_path / "*.jpg"), "glob", "")


class AllDone:
    """The folders of a run, in which everything is done."""

    def find(self, *_):
        return DONE


class NothingDone:
    """The folders of a run, which are empty."""

    def find(self, *_):
        return None


def test_a_turned_picture_is_turned_unless_it_has_a_mask(tmp_path):
    content = picture_bytes.photo(np.zeros((8, 12, 3), np.uint8), 6)
    (tmp_path / "x.jpg").write_bytes(content)
    (tmp_path / "mask.png").write_bytes(b"mask")
    step = Step(find_missing, StepSettings(strict=False), opened=lambda rejected: NothingDone())
    step.setup()
    item = Item("x", "x.jpg", str(tmp_path / "x.jpg"), None)
    missing = item._replace(truth_path=str(tmp_path / "none.png"))
    for source in (Source(item), Source(missing)):
        (found,) = step.process(source)
        assert isinstance(found, Image) and found.decode().shape == (12, 8, 3)
    masked = item._replace(truth_path=str(tmp_path / "mask.png"))
    (found,) = step.process(Source(masked))
    assert "x.jpg: EXIF orientation must be 1, " in found.value.reason


def test_threads_are_set_before_a_step_works_and_only_once(monkeypatch):
    count = tf.config.threading.get_intra_op_parallelism_threads() + 1
    calls = []

    def set_threads(threads):
        calls.append(threads)
        monkeypatch.setattr(
            tf.config.threading, "get_intra_op_parallelism_threads", lambda: threads
        )

    monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", set_threads)
    step = Step(find_missing, StepSettings(False, count), lambda rejected: calls.append("open"))
    for _ in range(2):
        step.setup()
    assert calls == [count, "open", "open"]
