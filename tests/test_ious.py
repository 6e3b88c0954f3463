"""IoU of classes."""

import numpy as np

from affinity_seg import ious


def test_ious_of_classes_that_occur():
    found, occurs = ious.of_classes(np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]]))
    np.testing.assert_allclose(found, [3 / 6, 4 / 7, 0])
    assert occurs.tolist() == [True, True, False]
