"""Where two grids of pixels meet nothing moves: discs of known centres through the whole chain.

The networks know the discs themselves, not a map of them, and answer for the middle of each pixel
that they are given.
"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg import neighbors
from affinity_seg.configs.inference import MIN_TILE_SIDE, InferenceConfig
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline import tiles
from affinity_seg.pipeline.predicting import Predictor
from affinity_seg.pipeline.segmenter import Segmenter
from checks.true_networks import TrueNetwork, coordinates
from checks.true_predictions import true_affinities

TABLE = ClassTable("discs", ("background", "disc"), (1,), encoding="ids")
DISTANCES = (1, 2, 4)
CELL = 32
SIZE = (5 * CELL, 6 * CELL)
CONFIG = InferenceConfig(
    stages=(1, 1, 1), crop_size=64, bucket=32, min_pixels=20, cell_size=CELL, semantic_flip=False,
    affinity_flip=False, merge_window=1,
)  # fmt: skip


class DiscNetwork(TrueNetwork):
    """Knows `discs`, (y, x, radius) in pixels, counted from the middle of the first pixel."""

    def __init__(self, kind, output_stride, slope):
        """`slope`: pixels on either side of a contour where the answer goes from yes to no.

        Where there are logits for some pixels only, what lies between comes from it.
        """
        nothing = np.zeros((1, 1), np.int32)
        super().__init__(kind, nothing, nothing, TABLE, output_stride, DISTANCES)
        self.discs = ()
        self._slope = slope

    def truth(self, image):
        y, x, is_inside = np.moveaxis(image, -1, 0)
        depth, ids = np.full(y.shape, -np.inf), np.zeros(y.shape, int)
        for number, (center_y, center_x, radius) in enumerate(self.discs, start=1):
            own = radius - np.hypot(y - center_y, x - center_x)
            ids, depth = np.where(own > depth, number, ids), np.maximum(own, depth)
        share = np.clip(0.5 + 0.5 * depth / self._slope, 0, 1) * (is_inside > 0)
        if self.kind == "semantic":
            return np.stack([1 - share, share], axis=-1)
        pairs = true_affinities(ids, DISTANCES)
        for channel, (dy, dx) in enumerate(neighbors.offsets(DISTANCES)):
            there = np.roll(share, (-dy, -dx), (0, 1))  # What leaves the image has no affinity.
            pairs[..., channel] *= np.minimum(share, there)
        return pairs


def _program(networks, config):
    return lambda image: Segmenter(*networks, config).segment(image).instance_ids.numpy()


def _records(networks, config):
    segmenter = Segmenter(*networks, config)
    predictor = Predictor(segmenter)
    return lambda image: segmenter.merger.merge(predictor.predict(image)).instance_ids


def _graph(networks, config):
    segmenter = Segmenter(*networks, config)
    traced = tf.function(segmenter.segment, input_signature=[tf.TensorSpec([None, None, 3])])
    return lambda image: traced(image).instance_ids.numpy()


class Chain:
    """Everything from a picture of discs to their ids."""

    def __init__(self, way, stride=1, slope=1e-6, **changes):
        kinds = "semantic", "affinity"
        self._networks = [DiscNetwork(kind, stride, slope) for kind in kinds]
        self._run = way(self._networks, dataclasses.replace(CONFIG, **changes))

    def __call__(self, discs, image):
        for network in self._networks:
            network.discs = discs
        ids = self._run(np.ascontiguousarray(image))
        assert ids.max() == len(discs)
        return ids


def _at(zoom, **changes):
    return {"min_zoom": zoom, "max_zoom": zoom, **changes}


def _discs(seed, size=SIZE):
    """Returns one disc in each cell but those at the image's edge."""
    rng = np.random.default_rng(seed)
    corners = np.stack(np.meshgrid(*(np.arange(1, s // CELL - 1) for s in size)), axis=-1)
    corners = CELL * corners.reshape(-1, 2)
    radii = rng.uniform(7, 10, len(corners))
    return np.column_stack([corners + rng.uniform(12, 20, corners.shape), radii])


def _turned(discs, size=SIZE):
    """Returns the discs of the image turned by 180 degrees."""
    return np.column_stack([np.array(size) - 1 - discs[:, :2], discs[:, 2]])


def _mean_shift(chain, discs, size=SIZE):
    """Returns by how much discs move on average, (y, x) in pixels.

    The middle of a disc's pixels is not the disc's, but some tenth of a pixel off. Discs at the
    turned places are off by the opposite, so that a few discs show what moves them all.
    """
    shifts = []
    for placed in (discs, _turned(discs, size)):
        ids = chain(placed, coordinates(*size))
        for y, x, radius in placed:
            pixels = np.argwhere(ids == ids[round(y), round(x)])
            assert abs(len(pixels) / (np.pi * radius**2) - 1) < 0.25
            shifts.append(pixels.mean(axis=0) - (y, x))
    assert np.abs(shifts).max() < 0.8
    return np.mean(shifts, axis=0)


def _canonical(ids):
    """Returns ids numbered anew in raster order."""
    found, first = np.unique(ids[ids > 0], return_index=True)
    numbers = np.zeros(ids.max() + 1, int)
    numbers[found[np.argsort(first)]] = 1 + np.arange(len(found))
    return numbers[ids]


WAYS = pytest.mark.parametrize("way", [_program, _records, _graph])


@WAYS
@pytest.mark.parametrize("zoom", [1.0, 1.3, 2.0, 2.5, 3.0, 4.0])
def test_discs_stay_where_they_are(zoom, way):
    shift = _mean_shift(Chain(way, **_at(zoom)), _discs(0))
    assert np.abs(shift).max() < 0.02


@pytest.mark.parametrize(
    ("changes", "way"),
    [
        (_at(1.3, semantic_flip=True, affinity_flip=True, merge_window=2), _graph),
        (_at(1.3, semantic_flip=True, affinity_flip=True), _program),
        (_at(2.5, regions=False), _program),
        (_at(1.0, merge_window=2), _program),
        (_at(2.5, merge_window=2), _program),
        (_at(2.0, merge_window=4), _program),
        (_at(2.0, bucket=1, crop_size=33), _program),
        (_at(1.3, stride=2, slope=3), _program),
        (_at(2.0, stride=4, slope=4), _graph),
        (_at(2.0, stride=4, slope=4), _program),
        (_at(3.0, stride=8, slope=5, semantic_flip=True, affinity_flip=True), _program),
        (_at(0.8), _program),
        (_at(0.5, min_pixels=5), _program),
        ({"zoom": "none"}, _program),
    ],
)
def test_no_setting_moves_them(changes, way):
    shift = _mean_shift(Chain(way, **changes), _discs(1))
    assert np.abs(shift).max() < 0.02


@WAYS
def test_tiles_do_not_move_them(way):
    changes = _at(4.0, max_input_pixels=MIN_TILE_SIDE**2, tile_overlap=64)
    assert len(tiles.cut(4 * 128, 4 * 160, MIN_TILE_SIDE**2, 64)) > 1
    shift = _mean_shift(Chain(way, **changes), _discs(2))
    assert np.abs(shift).max() < 0.02


@pytest.mark.parametrize("changes", [_at(2.0, merge_window=2), _at(2.0), _at(1.0)])
def test_images_of_odd_sides(changes):
    # Cells of regions begin at the top left, so regions are not mirrored; whole zooms do not mind.
    size = (173, 205)
    shift = _mean_shift(Chain(_program, **changes), _discs(3, size), size)
    assert np.abs(shift).max() < 0.02


@pytest.mark.parametrize(
    ("zoom", "way"), [(1.0, _program), (1.3, _graph), (2.0, _program), (2.5, _program)]
)
def test_mirrored_and_turned_pictures_give_mirrored_and_turned_ids(zoom, way):
    # Sides are multiples of the cell, so that regions are mirrored too, and no discs touch: where
    # two instances have the same part of a pixel the lower id has it, which comes first in the
    # raster.
    chain, discs, image = Chain(way, **_at(zoom, merge_window=2)), _discs(4), coordinates(*SIZE)
    ids = chain(discs, image)
    for axes in (0, 1, (0, 1)):
        found = chain(discs, np.flip(image, axes))
        np.testing.assert_array_equal(_canonical(np.flip(found, axes)), ids)
    found = chain(discs, image.transpose(1, 0, 2))
    np.testing.assert_array_equal(_canonical(found.T), ids)
