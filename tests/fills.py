"""Fills outlines as the programs that read them do."""

import numpy as np
from skimage.draw import polygon2mask


def fill(rings, shape):
    """Returns which pixels have their centre inside an odd number of rings, bool [H, W].

    Args:
      rings: Corners (x, y), [N, 2] each; pixel (0, 0) is the square from (0, 0) to (1, 1).
      shape: H and W.
    """
    mask = np.zeros(shape, bool)
    for ring in rings:
        # scikit-image has the centre of the first pixel at (0, 0), and takes (y, x).
        mask ^= polygon2mask(shape, np.asarray(ring)[:, ::-1] - 0.5)
    return mask
