"""Pictures whose headers claim far more pixels than their bytes hold, wherever one is decoded."""

import pathlib
import struct
import zlib

import cv2
import numpy as np
import picture_bytes
import pytest
import tensorflow as tf

from affinity_seg import common, labels
from affinity_seg.data import checks, graph_pictures
from affinity_seg.data.listing import Item
from affinity_seg.dataloaders import parser
from affinity_seg.evaluation import truth
from affinity_seg.inference import images, records
from affinity_seg.serving import client


def _png(height, width, bits=8, kind=0):
    """Returns a PNG of a few bytes whose header claims a size."""
    content = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + name + data
        content += struct.pack(">I", zlib.crc32(name + data))
    return content


BOMB = _png(8200, 8200)
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
        images.read_image,
        lambda path: truth.read_truth(path, labels.CITYSCAPES),
        lambda path: checks.read_instances(path, labels.CITYSCAPES),
        lambda path: checks.read_item(Item("x", "x.png", path, path), labels.CITYSCAPES),
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
        images.read_image(str(path_of_bmp))
    with pytest.raises(tf.errors.InvalidArgumentError, match="must have 2 to 67108864 pixels"):
        graph_pictures.decode(tf.constant(path_of_bmp.read_bytes()), ["image"])


def test_an_answer_of_a_server_is_refused_by_its_header(path):
    answer = {"num_instances": [1], "instance_ids_png_bytes": [BOMB]}
    with pytest.raises(client.ServerError, match="the server's PNG: must have"):
        client.parse_answer(answer)


@pytest.mark.parametrize("bomb", [common.IMAGE_ENCODED, common.INSTANCE_ENCODED])
def test_a_training_example_is_refused_by_its_header(bomb):
    contents = {common.IMAGE_ENCODED: SMALL, common.INSTANCE_ENCODED: SMALL, bomb: BOMB}
    contents[common.IMAGE_FILENAME] = b"aachen/x.png"
    feature = {
        key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for key, value in contents.items()
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    examples = tf.data.Dataset.from_tensors(example.SerializeToString()).map(parser.decode)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"must have .*aachen/x\.png"):
        list(examples)


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
    features = {
        "box": tf.train.Feature(int64_list=tf.train.Int64List(value=box)),
        "mask": tf.train.Feature(bytes_list=tf.train.BytesList(value=[mask])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    with pytest.raises(ValueError, match=message):
        records._read_region(records._Example(example.SerializeToString()), 8, 9)
