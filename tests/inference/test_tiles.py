"""Tiles of large inputs: what is cut, and that stitching brings the whole back."""

import numpy as np
import pytest

from affinity_seg.configs.inference import MIN_TILE_SIDE, TILE_GRID
from affinity_seg.inference import tiles

LARGEST = 1024 * 2048


def test_what_is_small_enough_stays_whole():
    whole = (0, 0, 1024, 2048)
    assert tiles.cut(1024, 2048, LARGEST, 256) == [(whole, whole)]


def test_a_wide_input_is_cut_along_its_longer_side():
    # Three tiles: two would be 2048 + 128 pixels wide each.
    assert tiles.cut(1024, 4096, LARGEST, 256) == [
        ((0, 0, 1024, 1536), (0, 0, 1024, 1408)),
        ((0, 1280, 1024, 2816), (0, 1408, 1024, 2688)),
        ((0, 2560, 1024, 4096), (0, 2688, 1024, 4096)),
    ]


def test_a_high_input_is_cut_across():
    boxes = [tile.box for tile in tiles.cut(4096, 1024, LARGEST, 256)]
    assert boxes == [(0, 0, 1536, 1024), (1280, 0, 2816, 1024), (2560, 0, 4096, 1024)]


@pytest.mark.parametrize("seed", range(100))
def test_tiles_are_equal_small_enough_and_overlap(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(300, 9000, 2).tolist()
    largest = int(rng.integers(MIN_TILE_SIDE**2, LARGEST))
    overlap = 2 * TILE_GRID * int(rng.integers(5))
    found = tiles.cut(height, width, largest, overlap)
    assert len({(y1 - y0, x1 - x0) for (y0, x0, y1, x1), _ in found}) == 1
    times_kept = np.zeros((height, width), np.int8)
    for box, kept in found:
        assert (box[2] - box[0]) * (box[3] - box[1]) <= largest
        times_kept[kept[0] : kept[2], kept[1] : kept[3]] += 1
        for axis, side in enumerate((height, width)):
            assert box[axis] % TILE_GRID == kept[axis] % TILE_GRID == 0
            # The network samples a tile as it samples the whole.
            assert (box[axis + 2] - box[axis] - side) % TILE_GRID == 0
            assert kept[axis] == box[axis] == 0 or kept[axis] - box[axis] >= overlap // 2
            end = kept[axis + 2]
            assert end == box[axis + 2] == side or box[axis + 2] - end >= overlap // 2
    assert (times_kept == 1).all()


@pytest.mark.parametrize("stride", [1, 8, 16])
@pytest.mark.parametrize("size", [(700, 4000), (4000, 700), (3001, 3203), (520, 521)])
def test_stitching_brings_the_whole_back(size, stride):
    rows, columns = np.indices(size)
    image = np.stack([rows, columns, rows], axis=-1).astype(np.float32)
    calls = []

    def network(parts):
        calls.append([part.shape[:2] for part in parts])
        return [part[::stride, ::stride] for part in parts]

    small = image[:100, :300]
    found = tiles.run(network, [image, small], stride, 600 * 600, 64)
    np.testing.assert_array_equal(found[0], image[::stride, ::stride])
    np.testing.assert_array_equal(found[1], small[::stride, ::stride])
    assert len(calls) == 1
    assert all(height * width <= 600 * 600 for height, width in calls[0])
