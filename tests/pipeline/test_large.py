"""Large pictures in parts: the same instances as those of the whole picture."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from test_zooming import CONFIG, TABLE, SizedNetwork

import affinity_seg
from affinity_seg.data import pictures
from affinity_seg.data.windows import WindowedPicture
from affinity_seg.pipeline import large, parts, tiled_logits
from affinity_seg.pipeline.segmenter import Segmenter
from checks.true_networks import coordinates


class Coordinates(WindowedPicture):
    """The picture of `checks.true_networks`, which has no contrast."""

    def histogram(self):
        return np.zeros(256, np.int64)


def _same(found, wanted):
    np.testing.assert_array_equal(found.instance_ids, wanted.instance_ids)
    for name in ("classes", "scores", "sizes", "boxes", "votes"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))


@pytest.fixture(scope="module")
def nuclei():
    return affinity_seg.load("nuclei")._segmenter


@pytest.fixture(scope="module")
def picture():
    """A picture with an odd size, and darker at one side."""
    image = pictures.read("models/nuclei.png")
    image = np.concatenate([image, image[::-1], image[:, ::-1]], axis=1)
    image = np.concatenate([image, image[::-1, ::-1]], axis=0)
    shade = np.linspace(0.4, 1, image.shape[1])[None, :, None]
    return np.ascontiguousarray((image * shade).astype(np.uint8)[:-3, :-5])


def test_shipped(nuclei, picture):
    print(picture.shape)
    assert large.is_large(nuclei, picture.shape[:2])
    wanted = nuclei.segment(picture).as_numpy()
    n = []
    found = large.segment(nuclei, WindowedPicture(picture), lambda p: n.append(len(p)) or p)
    print(len(wanted.classes), len(found.instances.classes), n, found.num_cut)
    _same(found.instances.whole(), wanted)
