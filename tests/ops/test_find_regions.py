"""The op FindRegions against NumPy and OpenCV."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from affinity_seg.ops import find_regions
from affinity_seg.pipeline.probabilities import semantic_probabilities
from affinity_seg.region_options import RegionOptions

_ARGUMENTS = {
    "semantic": np.zeros([1, 8, 8, 4], np.float32),
    "size": (8, 8),
    "groups": (0, 1, 1, 2),
}


def _reference(probabilities, groups, partition, cell_size, growth):
    """Returns (group, box, mask) of every region."""
    height, width = probabilities.shape[:2]
    if partition:
        sums = [probabilities[..., np.asarray(groups) == g].sum(-1) for g in range(max(groups) + 1)]
        winner = np.argmax(sums, axis=0)
        foregrounds = [(g, winner == g) for g in range(1, max(groups) + 1)]
    else:
        foregrounds = [(0, probabilities.argmax(-1) > 0)]
    regions = []
    for group, foreground in foregrounds:
        rows, columns = -(-height // cell_size), -(-width // cell_size)
        cells = np.zeros([rows * cell_size, columns * cell_size], bool)
        cells[:height, :width] = foreground
        cells = cells.reshape(rows, cell_size, columns, cell_size).any(axis=(1, 3))
        count, component = cv2.connectedComponents(cells.astype(np.uint8), connectivity=8)
        order = sorted(range(1, count), key=lambda c: np.flatnonzero(component == c)[0])
        for c in order:
            pixels = np.kron(component == c, np.ones([cell_size, cell_size], np.uint8))
            side = 2 * growth + 1
            # The image ends where its last, maybe partial, cells end.
            grown = cv2.dilate(
                np.ascontiguousarray(pixels[:height, :width]), np.ones([side, side], np.uint8)
            )
            y, x = np.nonzero(grown)
            box = (y.min(), x.min(), y.max() + 1, x.max() + 1)
            regions.append((group, box, grown[box[0] : box[2], box[1] : box[3]] > 0))
    return regions


def _assert_same(found, expected):
    assert len(found.groups) == len(expected)
    splits = found.mask_splits.numpy()
    for i, (group, box, mask) in enumerate(expected):
        assert (found.groups[i], tuple(found.boxes[i])) == (group, box)
        found_mask = found.masks[splits[i] : splits[i + 1]].numpy()
        np.testing.assert_array_equal(found_mask.reshape(mask.shape), mask)


@pytest.mark.parametrize("seed", range(60))
def test_random_images(seed):
    rng = np.random.default_rng(seed)
    height, width = (int(v) for v in rng.integers(1, 90, 2))
    classes = np.zeros([height, width], np.int64)
    for _ in range(rng.integers(0, 9)):
        y, x = rng.integers(height), rng.integers(width)
        classes[y : y + rng.integers(1, 6), x : x + rng.integers(1, 6)] = rng.integers(1, 4)
    probabilities = np.eye(4, dtype=np.float32)[classes] * 0.6 + 0.1
    groups = (0, 1, 1, 2)
    options = {
        "partition": bool(rng.integers(2)),
        "cell_size": int(rng.choice([1, 3, 8, 32])),
        "growth": int(rng.choice([0, 1, 5, 16])),
    }
    found = find_regions(
        probabilities[None], (height, width), RegionOptions(**options), groups=groups,
        from_logits=False,
    )  # fmt: skip
    _assert_same(found, _reference(probabilities, groups, **options))


@pytest.mark.parametrize("flips", [1, 2])
def test_from_logits(flips):
    rng = np.random.default_rng(flips)
    logits = rng.normal(size=[flips, 9, 12, 4]).astype(np.float32)
    logits[..., 0] += 2
    groups, options = (0, 1, 1, 2), {"partition": True, "cell_size": 8, "growth": 4}
    probabilities = semantic_probabilities(tf.constant(logits), 8, 70, 91).numpy()
    expected = _reference(probabilities, groups, **options)
    assert len(expected) > 2
    found = find_regions(logits, (70, 91), RegionOptions(**options), groups=groups, stride=8)
    _assert_same(found, expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": (9, 8)}, "`semantic` at stride 1 must cover the image's 9x8 pixels"),
        ({"size": (-1, 8)}, "`size` must not be negative: -1"),
        ({"size": (8,)}, r"`size` must have shape \[2\]"),
        (
            {"size": (2**16, 2**15), "stride": 2**16},
            "`size` must be at most 2147483647 pixels: 65536x32768",
        ),
        ({"stride": 2, "from_logits": False}, "`semantic` must be logits where there is a stride"),
        ({"semantic": np.full([1, 8, 8, 4], np.nan, np.float32)}, "`semantic` must be finite"),
    ],
)
def test_bad_tensors(changes, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        find_regions(**{**_ARGUMENTS, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": (0, 2, 1, 4)}, "`groups` must"),
        ({"stride": 0}, "`stride` must be in .*: 0"),
        ({"semantic": np.zeros([8, 8, 4], np.float32)}, "`semantic` must have rank 4"),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        find_regions(**{**_ARGUMENTS, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell_size": 0}, "`cell_size` must be in .*: 0"),
        ({"growth": -1}, "`growth` must be in .*: -1"),
    ],
)
def test_bad_options(changes, message):
    with pytest.raises(ValueError, match=message):
        RegionOptions(**changes)
    with pytest.raises(TypeError, match="`options` must be RegionOptions"):
        find_regions(**_ARGUMENTS, options=changes)


def test_nothing_to_find():
    background = np.zeros([1, 8, 8, 4], np.float32)
    background[..., 0] = 5
    found = find_regions(background, (8, 8), groups=(0, 1, 1, 2))
    assert found.boxes.shape == [0, 4] and found.mask_splits.numpy().tolist() == [0]
    assert len(find_regions(background[:, :0], (0, 8), groups=(0, 1, 1, 2)).groups) == 0
