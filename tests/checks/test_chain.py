"""The whole chain with networks that know the truth, and what must not change its answer."""

import dataclasses

import numpy as np
import pytest

from affinity_seg import instances as instances_lib
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import listing
from affinity_seg.evaluation.truth import Truth, read_truth
from checks import chain_losses, comparisons
from checks.comparisons import Segmenter
from checks.true_networks import TrueNetwork, coordinates
from synthetic import streets

SMALL = InferenceConfig(crop_size=65, bucket=32, max_zoom=2.0, min_pixels=100)


def _truth(height, width, *boxes):
    """Returns the truth of boxes (number, class, y0, x0, y1, x1)."""
    classes, ids = np.zeros((height, width), np.int32), np.zeros((height, width), np.int32)
    for number, class_index, y0, x0, y1, x1 in boxes:
        classes[y0:y1, x0:x1], ids[y0:y1, x0:x1] = class_index, number
    of_number = {box[0]: box[1] for box in boxes}
    in_order = np.array([of_number[n] for n in sorted(of_number)], np.int32)
    return Truth(classes, ids, in_order, np.zeros_like(ids, bool))


def test_losses_are_found_with_their_cause():
    truth = _truth(
        96,
        320,
        (1, 3, 8, 8, 40, 60),
        (2, 1, 60, 20, 65, 24),  # 5 x 4 pixels: 80 at zoom 2
        (3, 4, 10, 80, 30, 100),  # Two equal parts, farther apart than the longest edge.
        (3, 4, 10, 280, 30, 300),
        (4, 1, 50, 150, 80, 170),
    )
    found = chain_losses.segment_truth(truth, SMALL, CITYSCAPES)
    ious = chain_losses.best_ious(truth, found)
    assert ious[0] == ious[3] == 1 and ious[1] == 0 and ious[2] == pytest.approx(0.5, abs=0.02)
    assert chain_losses.count_pieces(truth, found) == 2  # the two parts of the third
    losses = chain_losses.find_losses(truth, found, SMALL, CITYSCAPES, min_size=10)
    assert [(loss.number, loss.class_index, loss.size, loss.cause) for loss in losses] == [
        (2, 1, 20, chain_losses.TOO_SMALL),
        (3, 4, 800, chain_losses.PARTS),
    ]
    # The judge does not count what is that small.
    again = chain_losses.find_losses(truth, found, SMALL, CITYSCAPES, min_size=21)
    assert [loss.number for loss in again] == [3]


def test_windows_lose_what_is_as_thin_as_they_are():
    boxes = [(i + 1, 3, 10, 10 + 3 * i, 70, 13 + 3 * i) for i in range(12)]
    truth = _truth(96, 96, *boxes)  # Twelve instances, three pixels wide, side by side.
    config = dataclasses.replace(SMALL, max_zoom=1.0, merge_window=4)
    found = chain_losses.segment_truth(truth, config, CITYSCAPES)
    losses = chain_losses.find_losses(truth, found, config, CITYSCAPES, min_size=100)
    assert losses and {loss.cause for loss in losses} == {chain_losses.WINDOW}


def test_nothing_to_find_is_no_loss():
    truth = _truth(64, 64)
    found = chain_losses.segment_truth(truth, SMALL, CITYSCAPES)
    assert len(found.classes) == 0
    assert chain_losses.find_losses(truth, found, SMALL, CITYSCAPES, min_size=1) == []


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    """The truth of a synthetic street."""
    folder = str(tmp_path_factory.mktemp("streets"))
    streets.write_streets(folder, {"val": 1}, seed=3, height=384, width=768)
    (item,) = listing.list_labelled_images(folder, "cityscapes", "val")
    return read_truth(item, CITYSCAPES)


@pytest.fixture(scope="module")
def segmenter(truth):
    networks = [
        TrueNetwork(kind, truth.classes, truth.instance_ids, CITYSCAPES)
        for kind in ("semantic", "affinity")
    ]
    config = InferenceConfig(min_pixels=50, zoom="none", max_input_pixels=512 * 512, bucket=1)
    return Segmenter(*networks, config)


def test_a_street_comes_back(truth):
    config = InferenceConfig(min_pixels=100)
    found = chain_losses.segment_truth(truth, config, CITYSCAPES)
    ious = chain_losses.best_ious(truth, found)[truth.instance_sizes() >= 100]
    losses = chain_losses.find_losses(truth, found, config, CITYSCAPES, min_size=100)
    assert len(ious) >= 8
    assert len(losses) == (ious <= 0.5).sum() <= 0.1 * len(ious)
    assert np.median(ious) > 0.9


def test_the_mirror_image_gives_the_mirrored_answer(segmenter):
    found = segmenter.compare_mirrored(coordinates(384, 768))
    assert found.same_classes == 1 and found.instances >= 8
    assert found.rand_index > 0.99


def test_tiles_give_what_one_piece_gives(segmenter):
    # 294912 pixels are two tiles.
    found = segmenter.compare_tiles(coordinates(384, 768))
    assert found.same_classes == found.same_far_from_cuts == 1
    assert found.rand_index == 1 and found.found == found.instances >= 8


def test_half_precision_keeps_the_answer(segmenter):
    found = segmenter.compare_logits_dtypes(coordinates(384, 768))
    assert found.same_classes == 1 and found.rand_index > 0.999


def test_comparisons_see_differences():
    ids = np.zeros((20, 20), np.int32)
    ids[:, :10] = 1
    one = instances_lib.number(
        ids - 1, np.int32([3]), np.float32([1]), np.int64([[0, 1]])
    ).as_numpy()
    halves = np.where(np.arange(20)[:, None] < 10, ids, 2 * ids)
    votes = np.int64([[0, 1], [0, 1]])
    two = instances_lib.number(halves - 1, np.int32([3, 3]), np.float32([1, 1]), votes).as_numpy()
    far = np.zeros((20, 20), bool)
    far[0] = True
    classes = np.where(np.arange(20)[:, None] < 5, 0, ids)
    found = comparisons._compare(ids, one, classes, two, far)
    assert found.same_classes == 350 / 400 and found.same_far_from_cuts == 0.5
    assert (found.instances, found.found) == (1, 0)
    assert found.rand_index < 0.9
