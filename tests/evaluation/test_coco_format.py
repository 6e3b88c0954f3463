"""COCO's run lengths."""

import numpy as np

from affinity_seg.evaluation import coco_format


def test_run_lengths_of_all_instances_are_those_of_each_mask():
    rng = np.random.default_rng(0)
    count = 0
    for _ in range(100):
        ids = rng.integers(0, 4, rng.integers(1, 9, 2))
        ids = np.unique(np.append(0, ids), return_inverse=True)[1].ravel()[1:].reshape(ids.shape)
        numbers = range(1, int(ids.max()) + 1)
        found = coco_format.instance_run_lengths(ids, len(numbers))
        assert found == [coco_format.run_lengths(ids == number) for number in numbers]
        count += len(found)
    assert count > 200


def test_no_instance():
    assert coco_format.instance_run_lengths(np.zeros((3, 4), np.int32), 0) == []
    full = coco_format.instance_run_lengths(np.ones((3, 4), np.int32), 1)
    assert full == [coco_format.run_lengths(np.ones((3, 4), bool))]
