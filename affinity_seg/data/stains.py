"""Tells whether the colours of a picture are different stains, each in a channel of its own.

A composite of several stains looks like any RGB picture, but its channels show different things:
nuclei in blue, say, and cell bodies in green. Where one is bright says little about the others, so
the correlation of the channels is low. It is 1 for grey and for one stain in any tint, and above
0.6 in pictures of streets. A false-colour table of several hues (jet, fire) looks like stains.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import cv2
import numpy as np

from affinity_seg.data.sampling import spread
from affinity_seg.data.windows import WindowedPicture

_MOST_CORRELATION = 0.5
"""Pearson's correlation below which two channels are different stains."""

_LEAST_DEVIATION, _LEAST_SHARE = 3.0, 0.15
"""A channel shows something if its standard deviation is at least so many of 255 values, and at
least this share of the largest of the three. The artefacts of JPEG are less."""

_REDUCTION = 4
"""Height and width of the squares whose means are compared, pixels."""

_MAX_STRIPS = 8
"""Of a larger picture so many strips, evenly spread, are read: about 2^25 pixels."""


class Difference(NamedTuple):
    """Two channels of a picture that show different things.

    Attributes:
      first: Number of the first one: 1 red, 2 green, 3 blue.
      second: Number of the second one.
      correlation: Their correlation, -1..1.
    """

    first: int
    second: int
    correlation: float


def difference(picture: WindowedPicture) -> Difference | None:
    """Returns the two channels that differ most, if they are different stains; else None.

    Args:
      picture: Any picture; one that has not three channels gives None.
    """
    count, totals, products = 0, np.zeros((2, 3)), np.zeros((3, 3))
    for left, right in _neighbours(picture):
        count += len(left)
        totals += [left.sum(axis=0), right.sum(axis=0)]
        products += left.T @ right
    if not count:
        return None
    covariance = products / count - np.outer(*totals) / count**2
    covariance = (covariance + covariance.T) / 2
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    least = max(_LEAST_DEVIATION, _LEAST_SHARE * deviation.max())
    shown = np.flatnonzero(deviation >= least)
    found = [
        Difference(i + 1, j + 1, covariance[i, j] / (deviation[i] * deviation[j]))
        for i, j in combinations(shown.tolist(), 2)
    ]
    lowest = min(found, key=lambda one: one.correlation, default=None)
    return lowest if lowest is not None and lowest.correlation < _MOST_CORRELATION else None


def _neighbours(picture: WindowedPicture) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields pixels of the reduced picture and their right neighbours, float64 [N, 3] each.

    Nothing if it is grey. The covariance of neighbours is that of what is shown: noise, which is
    not the same in two neighbours, adds nothing to it.
    """
    for box in spread(list(picture.all_rows()), _MAX_STRIPS):
        image = picture.read(box)
        if image.shape[2] != len("RGB") or picture.read_values((0, 0, 1, 1)).shape[2] == 1:
            return
        height, width = (max(1, side // _REDUCTION) for side in image.shape[:2])
        reduced = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(float)
        yield reduced[:, :-1].reshape(-1, 3), reduced[:, 1:].reshape(-1, 3)
