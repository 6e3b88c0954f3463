"""COCO's run lengths."""

import numpy as np

from affinity_seg.evaluation import coco_format


def test_run_lengths_of_a_box_are_those_of_the_whole_mask():
    rng = np.random.default_rng(0)
    count = 0
    for _ in range(200):
        size = rng.integers(1, 9, 2)
        mask = np.zeros(size, bool)
        y0, x0 = rng.integers(0, size)
        y1, x1 = rng.integers([y0 + 1, x0 + 1], size + 1)
        box = mask[y0:y1, x0:x1]
        box[:] = rng.integers(0, 3, box.shape) > 0
        if box.any():
            found = coco_format.cropped_run_lengths(box, (y0, x0, y1, x1), tuple(map(int, size)))
            assert found == coco_format.run_lengths(mask)
            count += 1
    assert count > 150


def test_a_full_mask():
    full = np.ones((3, 4), bool)
    found = coco_format.cropped_run_lengths(full, (0, 0, 3, 4), (3, 4))
    assert found == coco_format.run_lengths(full)
