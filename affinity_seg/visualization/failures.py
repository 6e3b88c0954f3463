"""Close-up of one error: image, contours of ground truth and prediction (paper, Fig. 8)."""

from collections.abc import Sequence

import cv2
import numpy as np

from affinity_seg import grids
from affinity_seg.evaluation.errors import InstanceError
from affinity_seg.evaluation.results import Prediction
from affinity_seg.evaluation.truth import Truth
from affinity_seg.instances import Box, box_around

TRUTH_COLOR = (0, 230, 118)
PREDICTION_COLOR = (255, 0, 200)
HEIGHT, MAX_WIDTH = 200, 800
"""Height of a close-up, pixels; it is one to two times as wide unless the image's edge cuts it. Of
an image so low that it would be wider than the second, it is less high instead."""

_MIN_SIDE = 48
_MARGIN = 0.3  # of the longer side of the error, on each side


def draw_failure(
    image: np.ndarray, target: Truth, predictions: Sequence[Prediction], error: InstanceError
) -> np.ndarray:
    """Draws the true instances and the predictions of an error in a crop around them.

    Args:
      image: uint8 RGB [H, W, 3].
      target: Its truth.
      predictions: Its predictions.
      error: The error; its indices refer to `target` and `predictions`.

    Returns:
      uint8 RGB [H', W', 3], H' at most HEIGHT, W' at most MAX_WIDTH. Contours of the truth are
      thick and of `TRUTH_COLOR`, those of the prediction thin and of `PREDICTION_COLOR` on top.
    """
    true = [target.instance_ids == index + 1 for index in error.true]
    predicted = [predictions[index].mask for index in error.predicted]
    y0, x0, y1, x1 = _crop_box(np.any([*true, *predicted], axis=0))
    crop = image[y0:y1, x0:x1]
    scale = min(HEIGHT / (y1 - y0), MAX_WIDTH / (x1 - x0))
    size = tuple(max(1, round(side * scale)) for side in (x1 - x0, y1 - y0))
    canvas = cv2.resize(crop, size, interpolation=cv2.INTER_LINEAR)
    for masks, color, width in ((true, TRUTH_COLOR, 4), (predicted, PREDICTION_COLOR, 2)):
        for mask in masks:
            resized = grids.ids_by_area(mask[y0:y1, x0:x1], *size[::-1]).numpy().astype(np.uint8)
            outline = cv2.findContours(resized, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0]
            cv2.drawContours(canvas, outline, -1, color, width)
    return canvas


def center(mask: np.ndarray) -> tuple[int, int]:
    """Returns (x, y) of the middle of the box around a mask, bool [H, W], not empty."""
    y0, x0, y1, x1 = box_around(mask)
    return (x0 + x1) // 2, (y0 + y1) // 2


def _crop_box(mask: np.ndarray) -> Box:
    """Returns the box around a mask with a margin, one to two times as wide as high, clipped."""
    y0, x0, y1, x1 = box_around(mask)
    margin = _MARGIN * max(y1 - y0, x1 - x0)
    height = min(max(y1 - y0 + 2 * margin, _MIN_SIDE), mask.shape[0])
    width = max(x1 - x0 + 2 * margin, height)
    height = max(height, width / 2)
    ends = []
    for low, high, side, limit in ((y0, y1, height, mask.shape[0]), (x0, x1, width, mask.shape[1])):
        side = min(round(side), limit)
        start = min(max(0, round((low + high - side) / 2)), limit - side)
        ends.append((start, start + side))
    return ends[0][0], ends[1][0], ends[0][1], ends[1][1]
