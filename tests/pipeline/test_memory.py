"""Pictures that do not fit into the memory of the machine are refused before the networks run."""

import dataclasses

import numpy as np
import pytest
from sized_scenes import CONFIG, SizedNetwork

from affinity_seg.configs.inference import MIN_TILE_SIDE
from affinity_seg.data.windows import WindowedPicture
from affinity_seg.pipeline import kept_logits, large, memory
from affinity_seg.pipeline.predicting import Predictor
from affinity_seg.pipeline.segmenter import Segmenter
from checks.true_networks import coordinates

SIZE = 40, 60


def _segmenter(size=SIZE, **changes):
    scene = np.zeros(size, np.int32), np.zeros(size, np.int32)
    networks = [SizedNetwork(kind, *scene) for kind in ("semantic", "affinity")]
    return Segmenter(*networks, dataclasses.replace(CONFIG, **changes))


@pytest.mark.parametrize(
    "changes, channels",
    [
        ({"zoom": "none", "affinity_flip": False}, lambda one, two: one + two),
        ({"zoom": "none", "affinity_flip": True}, lambda one, two: one + 2 * two),
        ({"zoom": "box_height", "regions": True}, lambda one, two: one),
    ],
    ids=["both", "flip", "regions"],
)
def test_what_surely_does_not_fit_is_refused(monkeypatch, changes, channels):
    segmenter = _segmenter(semantic_flip=False, **changes)
    outputs = [network.num_outputs for network in segmenter.networks]
    least = 2 * 4 * SIZE[0] * SIZE[1] * channels(*outputs)
    monkeypatch.setattr(memory, "machine_bytes", lambda: least)
    memory.check_whole(segmenter, SIZE)
    monkeypatch.setattr(memory, "machine_bytes", lambda: least - 1)
    image = coordinates(*SIZE)
    for find in (
        lambda: large.find(segmenter, WindowedPicture(image)),
        lambda: Predictor(segmenter).predict(image),
    ):
        with pytest.raises(ValueError, match="a picture of 40x60 pixels must fit into the memory"):
            find()


def test_logits_that_are_kept_in_parts_must_fit(monkeypatch):
    changes = {"max_input_pixels": MIN_TILE_SIDE**2, "tile_overlap": 64, "min_pixels": 20}
    segmenter = _segmenter((500, 600), zoom="none", **changes)
    picture = WindowedPicture(coordinates(500, 600))
    monkeypatch.setattr(picture, "histogram", lambda: np.zeros(256, np.int64))
    kept = kept_logits.predict(segmenter, picture)
    monkeypatch.setattr(memory, "machine_bytes", lambda: kept.num_bytes)
    kept_logits.predict(segmenter, picture)
    monkeypatch.setattr(memory, "machine_bytes", lambda: kept.num_bytes - 1)
    with pytest.raises(ValueError, match="a picture of 500x600 pixels must fit into the memory"):
        kept_logits.predict(segmenter, picture)


def test_the_memory_of_this_machine_is_known():
    assert 2**28 < memory.machine_bytes() < 2**50
