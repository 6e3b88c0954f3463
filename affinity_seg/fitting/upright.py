"""Whether up and down mean anything in a data set.

Nothing in the files says it, so it is decided from four statistics that vanish where every
direction is alike: where objects lie (their mean height in the image), how large they are above and
below the middle, in which direction long objects point, and whether the upper half of the images is
brighter than the lower. Up and down count as meaningless only if there are enough objects and
images, and none of the statistics differs from that clearly. So with little data they keep their
meaning: training crops are then not turned, which loses some augmentation but teaches nothing
wrong.
"""

import math
from typing import NamedTuple

import numpy as np

MIN_OBJECTS, MIN_IMAGES = 200, 12
"""With fewer objects or images, up and down keep their meaning."""

LIMIT = 4.0
"""Standard errors from which a statistic differs clearly."""

SMALL = 0.05
"""Differences up to this are too small to matter, however clear they are: a share of the image's
height, of an object's size, of the brightness, or the length of the mean direction, 0..1."""

_ELONGATED = 1.5
"""Ratio of the axes from which an object has a direction."""


class Evidence(NamedTuple):
    """The statistics, each with its standard error.

    Attributes:
      objects, images: How many were measured.
      height, height_error: Mean height of the objects' middles above that of the image, a share of
        the image's height.
      size, size_error: Mean of the logarithm of the size ratio of the objects in the lower half to
        those in the upper half, over the images.
      direction, direction_error: Component along the vertical of the mean direction of an image's
        long objects, over the images: 1 if all are upright, -1 if all lie, 0 if all directions are
        alike.
      brightness, brightness_error: Brightness of the upper half less that of the lower half, as a
        share of the image's mean.
    """

    objects: int
    images: int
    height: float
    height_error: float
    size: float
    size_error: float
    direction: float
    direction_error: float
    brightness: float
    brightness_error: float

    @property
    def is_enough(self) -> bool:
        """Whether there is enough data to say that up and down mean nothing."""
        return self.objects >= MIN_OBJECTS and self.images >= MIN_IMAGES

    def differing(self) -> list[str]:
        """Returns the statistics that differ clearly, in words."""
        found = []
        for words, value, error in (
            ("objects lie {:+.0%} of the height above the middle", self.height, self.height_error),
            (
                "objects in the lower half are {:+.2f} larger in the logarithm of their diameter",
                self.size,
                self.size_error,
            ),
            (
                "long objects point up rather than sideways by {:+.2f}",
                self.direction,
                self.direction_error,
            ),
            ("the upper half is {:+.0%} brighter", self.brightness, self.brightness_error),
        ):
            if abs(value) > SMALL and abs(value) > LIMIT * error:
                found.append(words.format(value))
        return found


class Balance:
    """Collects the statistics image by image.

    Objects of one image are alike, so the sample of each statistic are the means of the images.
    """

    def __init__(self):
        self._objects = 0
        self._heights: list[float] = []
        self._sizes: list[float] = []
        self._directions: list[float] = []
        self._brightness: list[float] = []

    def add(self, grey: np.ndarray, ids: np.ndarray) -> None:
        """Adds the brightness of an image, [H, W], and its objects, int32 [H, W], 0 elsewhere."""
        half = grey.shape[0] // 2
        upper, lower = (float(np.mean(part)) for part in (grey[:half], grey[-half:]))
        self._brightness.append((upper - lower) / max(float(np.mean(grey)), 1.0))
        y, x = np.nonzero(ids)
        if not len(y):
            return
        numbers = np.unique(ids[y, x], return_inverse=True)[1]
        areas = np.bincount(numbers).astype(float)
        mean_y, mean_x = (np.bincount(numbers, axis) / areas for axis in (y, x))
        self._objects += len(areas)
        self._heights.append(float(np.mean(0.5 - (mean_y + 0.5) / ids.shape[0])))
        is_lower = mean_y >= ids.shape[0] / 2
        if is_lower.any() and not is_lower.all():
            logs = np.log(areas) / 2
            self._sizes.append(float(np.mean(logs[is_lower]) - np.mean(logs[~is_lower])))
        dy, dx = y - mean_y[numbers], x - mean_x[numbers]
        yy, xx, xy = (np.bincount(numbers, v) / areas for v in (dy * dy, dx * dx, dx * dy))
        # An object within one pixel has the moment of inertia of that pixel.
        yy, xx = yy + 1 / 12, xx + 1 / 12
        difference = np.hypot(yy - xx, 2 * xy)
        ratio = np.sqrt((yy + xx + difference) / np.maximum(yy + xx - difference, 1e-9))
        is_long = ratio >= _ELONGATED
        if is_long.any():
            self._directions.append(float(np.mean((yy - xx)[is_long] / difference[is_long])))

    def evidence(self) -> Evidence:
        """Returns the statistics over all images."""
        return Evidence(
            self._objects,
            len(self._brightness),
            *_mean_and_error(self._heights),
            *_mean_and_error(self._sizes),
            *_mean_and_error(self._directions),
            *_mean_and_error(self._brightness),
        )


def _mean_and_error(values: list[float]) -> tuple[float, float]:
    """Returns the mean and its standard error; 0 and 0 of a single value, which shows nothing."""
    if len(values) < 2:
        return 0.0, 0.0
    return float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(len(values))
