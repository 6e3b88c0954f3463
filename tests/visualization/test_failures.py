"""Close-ups of errors: what is in the crop, and where the contours are."""

import numpy as np
import pytest

from affinity_seg.evaluation.errors import InstanceError
from affinity_seg.evaluation.results import Prediction
from affinity_seg.evaluation.truth import Truth
from affinity_seg.visualization import failures

H, W = 120, 200


def _mask(y0, x0, y1, x1):
    mask = np.zeros((H, W), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def _draw(true, predicted, image=None):
    """Draws an error between a true and a predicted box; None for either."""
    ids = np.zeros((H, W), np.int32) if true is None else _mask(*true).astype(np.int32)
    target = Truth(ids, ids, np.ones(1, np.int32), np.zeros((H, W), bool))
    predictions = [] if predicted is None else [Prediction(_mask(*predicted), 1, 0.5)]
    error = InstanceError("any", (0,) * (true is not None), (0,) * len(predictions), 0.0, 1)
    image = np.full((H, W, 3), 60, np.uint8) if image is None else image
    return failures.draw_failure(image, target, predictions, error)


def _where(picture, color):
    """Returns the box of a colour, (y0, x0, y1, x1), None where it does not occur."""
    y, x = np.nonzero((picture == color).all(axis=2))
    return (y.min(), x.min(), y.max() + 1, x.max() + 1) if len(y) else None


def test_contours_lie_where_the_masks_are():
    # 40x40 around it a margin of 12 on each side: a crop of 64x64, drawn 200 / 64 times as large.
    picture = _draw((40, 80, 80, 120), (40, 80, 80, 100))
    assert picture.shape == (200, 200, 3)
    scale = 200 / 64
    truth = _where(picture, failures.TRUTH_COLOR)
    assert truth == pytest.approx([12 * scale, 12 * scale, 52 * scale, 52 * scale], abs=4)
    predicted = _where(picture, failures.PREDICTION_COLOR)
    assert predicted == pytest.approx([12 * scale, 12 * scale, 52 * scale, 32 * scale], abs=4)
    middle = picture[round(32 * scale), round(40 * scale)]
    assert middle.tolist() == [60, 60, 60]  # contours only


def test_only_what_belongs_to_the_error_is_drawn():
    assert _where(_draw((40, 80, 80, 120), None), failures.PREDICTION_COLOR) is None
    assert _where(_draw(None, (40, 80, 80, 120)), failures.TRUTH_COLOR) is None


@pytest.mark.parametrize(
    ("box", "shape"),
    [
        ((0, 0, 4, 4), (200, 200)),  # in a corner, at least 48 pixels of surroundings
        ((116, 196, 120, 200), (200, 200)),
        ((50, 10, 60, 110), (200, 400)),  # flat: twice as wide as high
        ((0, 0, 120, 20), (200, 200)),  # high: square
        ((0, 0, 120, 200), (200, 333)),  # everything
    ],
)
def test_shape_of_the_crop(box, shape):
    picture = _draw(box, None)
    assert picture.shape == (*shape, 3)
    assert _where(picture, failures.TRUTH_COLOR) is not None


def test_surroundings_come_from_the_image():
    image = np.tile(np.arange(W, dtype=np.uint8)[None, :, None], (H, 1, 3))
    picture = _draw((40, 80, 80, 120), None, image)
    # Columns 68 to 132, in the first row, which no contour reaches.
    assert picture[0, :, 0].tolist() == pytest.approx(np.linspace(68, 131, 200).tolist(), abs=1)


def test_center_of_a_box():
    assert failures.center(_mask(10, 20, 30, 60)) == (40, 20)


def test_of_a_very_low_image_the_picture_is_not_wider_than_allowed():
    ids = np.zeros((1, 2000), np.int32)
    ids[0, 200:1800] = 1
    target = Truth(ids, ids, np.ones(1, np.int32), np.zeros((1, 2000), bool))
    error = InstanceError("any", (0,), (), 0.0, 1)
    picture = failures.draw_failure(np.zeros((1, 2000, 3), np.uint8), target, [], error)
    assert picture.shape == (1, failures.MAX_WIDTH, 3)
