"""Truth files that are none: every judge names them."""

import os

import cv2
import numpy as np
import pytest
from scenes import CAR, CELLS, boxes, write_boxes, write_truth

from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.evaluation import cityscapes, coco, metrics
from affinity_seg.evaluation.truth import read_truth

SIZE = (60, 100)
BOX = (0, 0, 20, 30)
VALUES = np.array([7, 26000])[boxes(*SIZE, BOX)]


def _png(pixels) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


DAMAGED = {
    "empty": (b"", "not a PNG or TIFF"),
    "cut off": (_png(VALUES.astype(np.uint16))[:-40], "damaged or cut off"),
    "not PNG": (
        cv2.imencode(".jpg", VALUES.astype(np.uint8))[1].tobytes(),
        "not a PNG or TIFF file",
    ),
    "colours": (_png(np.zeros((*SIZE, 3), np.uint16)), "must have one channel"),
    "8 bits": (_png(VALUES.astype(np.uint8)), "must have 16 bits"),
    "unknown label": (_png(np.where(VALUES > 7, 45000, 7).astype(np.uint16)), "label id .*45000"),
    "folder": (None, "Is a directory"),
}

JUDGES = {
    "cityscapes": lambda item, folder: cityscapes.evaluate([item], folder, CITYSCAPES),
    "cityscapes, one image": lambda item, folder: cityscapes.match_image(item, folder, CITYSCAPES),
    "coco": lambda item, folder: coco.evaluate([item], folder, CITYSCAPES),
    "coco, one image": lambda item, folder: coco.match_image(item, folder, CITYSCAPES),
    "all": lambda item, folder: metrics.evaluate([item], folder, CITYSCAPES),
    "errors": lambda item, folder: metrics.find_errors([item], folder, CITYSCAPES),
    "reader": lambda item, folder: read_truth(item, CITYSCAPES),
}


@pytest.fixture
def street(tmp_path):
    """An image with truth and a result, and the folder of the result."""
    item = write_truth(tmp_path, "aachen_000000_000019", VALUES)
    write_boxes(str(tmp_path / "results"), item, CITYSCAPES, SIZE, (CAR, 0.9, BOX))
    return item, str(tmp_path / "results")


@pytest.mark.parametrize("judging", JUDGES.values(), ids=JUDGES)
@pytest.mark.parametrize(("content", "message"), DAMAGED.values(), ids=DAMAGED)
def test_a_truth_that_is_none_is_named(street, content, message, judging, capsys):
    item, results_dir = street
    judging(item, results_dir)
    capsys.readouterr()
    os.remove(item.truth_path)
    if content is None:
        os.mkdir(item.truth_path)
    else:
        with open(item.truth_path, "wb") as file:
            file.write(content)
    with pytest.raises((ValueError, OSError), match=message) as error:
        judging(item, results_dir)
    assert item.truth_path in str(error.value)
    assert "average" not in capsys.readouterr().out


def test_a_truth_of_another_size_is_named(street):
    item, results_dir = street
    write_truth(os.path.dirname(item.truth_path), item.name, VALUES[:, :99])
    message = rf"{item.name}_0000.png: the mask must be 60x99 .*as {item.truth_path}: 60x100"
    for name, judging in JUDGES.items():
        if name != "reader":
            with pytest.raises(ValueError, match=message):
                judging(item, results_dir)
    message = rf"{item.truth_path}: must have the size of its image, 60x100: 60x99"
    with pytest.raises(ValueError, match=message):
        read_truth(item, CITYSCAPES, SIZE)
    assert read_truth(item, CITYSCAPES, (60, 99)).classes.shape == (60, 99)


def test_ids_alone_may_have_8_bits(tmp_path):
    values = boxes(*SIZE, BOX)
    item = write_truth(tmp_path, "cells", values)
    cv2.imwrite(item.truth_path, values.astype(np.uint8))
    target = read_truth(item, CELLS)
    np.testing.assert_array_equal(target.instance_ids, values)
    assert target.instance_classes.tolist() == [1]
