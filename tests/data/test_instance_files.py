"""Instance images give the numbers that are stored, whatever kind of PNG holds them."""

import io
import os
import struct
import zlib

import cv2
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from affinity_seg import class_tables, labels
from affinity_seg.data import checks, graph_examples, instance_files, listing, tfrecords
from affinity_seg.data.items import Item
from affinity_seg.evaluation.truth import read_truth

_CELLS = labels.ClassTable("cells", ("background", "cell"), (1,), encoding="ids")
_COLORS = [0, 0, 0, 200, 30, 30, 30, 200, 30, 30, 30, 200]


def _ids(most):
    """Returns blocks of 4x5 pixels with the ids 0, 1, .. `most`, uint8."""
    return np.kron(np.arange(most + 1, dtype=np.uint8)[None], np.ones((4, 5), np.uint8))


def _saved(image, **options):
    content = io.BytesIO()
    image.save(content, "PNG", **options)
    return content.getvalue()


def _palette(ids, bits, **options):
    image = PIL.Image.fromarray(ids, "L")
    image = PIL.Image.frombytes("P", image.size, image.tobytes())
    image.putpalette(_COLORS + [255, 255, 255] * (256 - len(_COLORS) // 3))
    return _saved(image, bits=bits, **options)


def _gray(ids, bits):
    """Returns a PNG whose samples have `bits`, by turning a palette of so many bits into grey."""
    content, kept, at = _palette(ids, bits), b"", 8
    while at < len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        kind, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
        at += size + 12
        if kind == b"PLTE":
            continue
        if kind == b"IHDR":
            data = data[:9] + b"\0" + data[10:]
        kept += (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )
    return content[:8] + kept


_FILES = {
    "palette, 1 bit": (lambda: _palette(_ids(1), 1), _ids(1)),
    "palette, 2 bits": (lambda: _palette(_ids(3), 2), _ids(3)),
    "palette, 4 bits": (lambda: _palette(_ids(15), 4), _ids(15)),
    "palette, 8 bits": (lambda: _palette(_ids(200), 8), _ids(200)),
    "palette, transparent": (lambda: _palette(_ids(3), 8, transparency=0), _ids(3)),
    "grey, 1 bit": (lambda: _saved(PIL.Image.fromarray(_ids(1) > 0)), _ids(1)),
    "grey, 2 bits": (lambda: _gray(_ids(3), 2), _ids(3)),
    "grey, 4 bits": (lambda: _gray(_ids(15), 4), _ids(15)),
    "grey, 8 bits": (lambda: _saved(PIL.Image.fromarray(_ids(255))), _ids(255)),
    "grey, transparent": (lambda: _saved(PIL.Image.fromarray(_ids(3)), transparency=1), _ids(3)),
    "grey, 16 bits": (lambda: _saved(PIL.Image.fromarray(_ids(9) * np.uint16(7000))),
                      _ids(9) * np.uint16(7000)),
}  # fmt: skip


@pytest.mark.parametrize("kind", _FILES)
def test_the_same_numbers_in_checks_training_and_evaluation(tmp_path, kind):
    make, ids = _FILES[kind]
    content = make()
    for part in ("images", "instances"):
        os.makedirs(tmp_path / part)
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((*ids.shape, 3), np.uint8))
    (tmp_path / "instances" / "a.png").write_bytes(content)
    np.testing.assert_array_equal(instance_files.decode("a.png", content), ids)
    (item,) = listing.list_labelled_images(str(tmp_path), "folder")
    checked = checks.read_item(item, _CELLS)
    np.testing.assert_array_equal(checked.values, np.unique(ids))
    np.testing.assert_array_equal(checked.instances, ids)
    paths = tfrecords.write_tfrecords([item], _CELLS, str(tmp_path / "out"), "train", 1).paths
    (record,) = tf.data.TFRecordDataset(paths).map(graph_examples.decode)
    np.testing.assert_array_equal(record["instances"], ids)
    truth = read_truth(item, _CELLS)
    np.testing.assert_array_equal(truth.instance_ids > 0, ids > 0)
    assert len(truth.instance_classes) == len(np.unique(ids)) - 1


def _color(array, mode):
    return _saved(PIL.Image.fromarray(array, mode))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            lambda: _color(np.dstack([_ids(2)] * 3), "RGB"),
            r"a\.png: .* one channel .* palette: three channels, RGB; all colours are grey",
        ),
        (
            lambda: _color(np.dstack([_ids(2), _ids(2) * 2, _ids(2)]), "RGB"),
            r"RGB; 3 colours: save",
        ),
        (lambda: _color(np.dstack([_ids(2)] * 4), "RGBA"), r"four channels, RGBA; all colours are"),
        (
            lambda: _color(np.dstack([_ids(2)] * 2), "LA"),
            "two channels, grey and alpha; all colours",
        ),
        (lambda: _palette(_ids(200), 8)[:-40], r"a\.png: the file is damaged or cut off"),
        (
            lambda: cv2.imencode(".jpg", _ids(2))[1].tobytes(),
            r"a\.png: not a PNG or TIFF file but JPEG",
        ),
    ],
)
def test_what_holds_no_ids(content, message):
    with pytest.raises(ValueError, match=message):
        instance_files.decode("a.png", content())


@pytest.mark.parametrize("kind", ["palette, 4 bits", "grey, 16 bits"])
def test_bytes_behind_the_end_are_left_alone(kind):
    make, ids = _FILES[kind]
    for behind in (b"\n", b"IEND" + bytes(4), bytes(100)):
        np.testing.assert_array_equal(instance_files.decode("a.png", make() + behind), ids)


def test_an_end_that_no_chunk_leads_to_is_none():
    content = _palette(_ids(200), 8)
    end, rng = content[-12:], np.random.default_rng(0)
    for cut in (33, 60, len(content) - 40, len(content) - 13):
        for rest in (b"", end, bytes(1000), rng.bytes(1000) + end, b"\xff" * 1000):
            with pytest.raises(ValueError, match=r"a\.png: the file is damaged or cut off"):
                instance_files.decode("a.png", content[:cut] + rest)


def test_a_flipped_bit_of_a_palette_is_seen():
    content = bytearray(_palette(_ids(200), 8))
    content[content.index(b"IDAT") + 10] ^= 4
    with pytest.raises(ValueError, match="the file is damaged"):
        instance_files.decode("a.png", bytes(content))


def test_evaluation_refuses_what_training_refuses(tmp_path):
    path = str(tmp_path / "a.png")
    item = Item("a", "a.png", path, path)
    cv2.imwrite(path, np.full((4, 4), 7, np.uint8))
    with pytest.raises(ValueError, match=r"a\.png: .* must have 16 bits with `encoding`"):
        read_truth(item, class_tables.CITYSCAPES)
    cv2.imwrite(path, np.full((4, 4), 40, np.uint16))
    with pytest.raises(ValueError, match=r"a\.png: a value below 1000 .* in \[0, 33\]: \[40\]"):
        read_truth(item, class_tables.CITYSCAPES)
