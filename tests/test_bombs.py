"""Pictures whose headers claim far more pixels than their bytes hold, wherever one is decoded."""

import pathlib
import re
import struct

import cv2
import numpy as np
import picture_bytes
import pytest
import tensorflow as tf
import training_records

from affinity_seg import class_tables, common
from affinity_seg.data import checks, graph_examples, graph_pictures, pictures, tf_examples
from affinity_seg.data.items import Item
from affinity_seg.evaluation import truth
from affinity_seg.pipeline import records
from affinity_seg.serving import client

BOMB = picture_bytes.claimed_png(8200, 8200)
JPEG_BOMB = bytearray(cv2.imencode(".jpg", np.zeros((8, 9, 3), np.uint8))[1].tobytes())
_FRAME = JPEG_BOMB.index(b"\xff\xc0") + 5
JPEG_BOMB[_FRAME : _FRAME + 4] = struct.pack(">HH", 8200, 8200)
JPEG_BOMB = bytes(JPEG_BOMB)
SMALL = cv2.imencode(".png", np.zeros((8, 9), np.uint16))[1].tobytes()


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A bomb on the disk; nothing may decode pixels."""
    (tmp_path / "x.png").write_bytes(BOMB)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    monkeypatch.setattr(tf.io, "decode_image", lambda *_, **__: pytest.fail("decoded"))
    return str(tmp_path / "x.png")


@pytest.mark.parametrize(
    "read",
    [
        pictures.read,
        lambda path: truth.read_truth(Item("x", "x.png", path, path), class_tables.CITYSCAPES),
        lambda path: checks.read_item(Item("x", "x.png", path, path), class_tables.CITYSCAPES),
    ],
)
def test_files_are_refused_by_their_header(path, read):
    with pytest.raises(ValueError, match=r"x\.png: must have .* 67108864 pixels: 8200x8200"):
        read(path)


@pytest.mark.parametrize("height", [8200, -8200, -(2**31)])
def test_a_bmp_is_refused_by_its_header(path, height):
    path_of_bmp = pathlib.Path(path).with_suffix(".bmp")
    path_of_bmp.write_bytes(picture_bytes.bmp(b"", height, 8200, 24))
    with pytest.raises(ValueError, match=rf"x\.bmp: must have .* pixels: {abs(height)}x8200"):
        pictures.read(str(path_of_bmp))
    with pytest.raises(tf.errors.InvalidArgumentError, match="must have 2 to 67108864 pixels"):
        graph_pictures.decode(tf.constant(path_of_bmp.read_bytes()), ["image"])


def test_an_answer_of_a_server_is_refused_by_its_header(path):
    answer = {"num_instances": [1], "instance_ids_png_bytes": [BOMB]}
    with pytest.raises(client.ServerError, match="the server's PNG: must have"):
        client.parse_answer(answer)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({common.IMAGE_ENCODED: [BOMB]}, r"a tile must be .*image.*aachen/x\.png"),
        ({common.INSTANCE_ENCODED: [BOMB]}, r"a tile must be .*instance image of.*aachen/x\.png"),
        (
            {common.IMAGE_ENCODED: [JPEG_BOMB], common.IMAGE_FORMAT: [b"jpeg"]},
            r"size of its record",
        ),
        ({common.IMAGE_HEIGHT: [90000], common.IMAGE_WIDTH: [90000]}, r"must have .*aachen/x\.png"),
        ({common.TILE_HEIGHT: [8200]}, r"tiles must lie in their image.*aachen/x\.png"),
        ({common.TILE_WIDTH: [0]}, r"tiles must lie in their image.*aachen/x\.png"),
        ({common.TILE_HEIGHT: [1]}, r"a picture for each tile.*aachen/x\.png"),
    ],
)
def test_a_training_example_is_refused_by_its_header(features, message):
    pixels = np.zeros((8, 9, 3), np.uint8)
    record = training_records.serialize(pixels, pixels[..., 0], "aachen/x.png")
    examples = tf.data.Dataset.from_tensors(record)
    assert len(list(examples.map(graph_examples.decode))) == 1
    examples = tf.data.Dataset.from_tensors(training_records.change(record, features))
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        list(examples.map(graph_examples.decode))
    assert re.search(message, str(error.value))


@pytest.mark.parametrize(
    ("box", "mask", "message"),
    [
        (
            (0, 0, 8, 9),
            BOMB,
            r"'mask' must have the size of its box, \(0, 0, 8, 9\): \(8200, 8200\)",
        ),
        ((0, 0, 8200, 8200), BOMB, "'box' must lie in the image, 8x9"),
        ((4, 4, 2, 6), SMALL, "'box' must lie in the image, 8x9"),
    ],
)
def test_the_mask_of_a_record_is_refused_by_its_header(path, box, mask, message):
    features = {"box": tf_examples.of_ints(*box), "mask": tf_examples.of_bytes(mask)}
    example = tf_examples.Example(tf_examples.serialize(features))
    with pytest.raises(ValueError, match=message):
        records._read_region(example, 8, 9)
