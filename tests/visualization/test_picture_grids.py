"""Pictures smaller or larger than the image: what is drawn over it lies where it belongs."""

import numpy as np
import pytest

from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.evaluation.errors import InstanceError
from affinity_seg.evaluation.results import Prediction
from affinity_seg.evaluation.truth import Truth
from affinity_seg.pipeline.outputs import Outputs
from affinity_seg.pipeline.predictions import ImagePrediction, RegionPrediction
from affinity_seg.pipeline.regions import Region
from affinity_seg.visualization import failures, pictures, report_pictures


def _disc(height, width, y, x, radius):
    rows, columns = np.indices((height, width))
    return (rows - y) ** 2 + (columns - x) ** 2 < radius**2


def _middle(mask):
    """Returns the mean place, [2], as shares of the sides, so that grids can be compared."""
    return (np.argwhere(mask).mean(axis=0) + 0.5) / mask.shape


def _outputs(mask):
    ids = mask.astype(np.int32)
    logits = np.where(mask[..., None], [-9.0, 9.0], [9.0, -9.0]).astype(np.float32)
    logits = np.pad(logits, [[0, 0], [0, 0], [0, 7]], constant_values=-9)[None]
    truth = Truth(ids, ids, np.ones(1, np.int32), np.zeros_like(mask))
    prediction = ImagePrediction(*mask.shape, 1, 1, (1,), logits, [])
    image = np.where(mask[..., None], 200, 40).astype(np.uint8).repeat(3, axis=2)
    return Outputs(image, truth, prediction, [Prediction(mask, 1, 0.5)])


@pytest.mark.parametrize("size", [(1200, 1200), (900, 1800), (700, 1100), (1023, 2047)])
def test_panels_of_a_report_lie_over_each_other(size):
    mask = _disc(*size, 400, 510, 160)
    panels = report_pictures.draw_panels(_outputs(mask), CITYSCAPES)
    assert len(panels) == 4
    image = panels.pop("image").astype(int)
    expected = _middle(image[..., 0] > 120)
    pixel = 1 / np.array(image.shape[:2])
    np.testing.assert_array_less(np.abs(_middle(mask) - expected), 0.1 * pixel)
    for caption, panel in panels.items():
        colored = np.ptp(panel.astype(int), axis=2) > 40
        assert colored.any(), caption
        # 0.1 pixels of the panel; reading the upper left of what a pixel covers gives 0.25 to 0.4.
        np.testing.assert_array_less(np.abs(_middle(colored) - expected), 0.1 * pixel, caption)


@pytest.mark.parametrize("radius", [12.4, 22.3, 41.0, 97.2, 151.0])
def test_contours_of_an_error_lie_around_it(radius):
    mask = _disc(512, 512, 255.5, 255.5, radius)
    target = Truth(mask.astype(int), mask.astype(int), np.ones(1, int), np.zeros_like(mask))
    error = InstanceError("any", (0,), (), 0.0, 1)
    image = np.full((512, 512, 3), 60, np.uint8)
    picture = failures.draw_failure(image, target, [], error)
    drawn = (picture == failures.TRUTH_COLOR).all(axis=2)
    y0, x0, y1, x1 = failures._crop_box(mask)
    expected = np.divide(256 - np.array([y0, x0]), (y1 - y0, x1 - x0))
    assert np.abs((_middle(drawn) - expected) * drawn.shape).max() < 0.25


@pytest.mark.parametrize("zoom", [1, 2, 3, 4])
def test_boundaries_come_back_from_the_zoom_in_their_place(zoom):
    mask = _disc(40 * zoom, 60 * zoom, (20.5 + 0.5) * zoom - 0.5, (25 + 0.5) * zoom - 0.5, 9 * zoom)
    logits = np.where(mask[..., None], -6.0, 6.0).astype(np.float32).repeat(8, axis=2)[None]
    region = Region(0, (3, 5, 43, 65), np.ones((40, 60), bool))
    item = RegionPrediction(region, mask.shape, np.zeros((1, 1, 1, 2), np.float32), logits)
    prediction = ImagePrediction(48, 70, 1, 1, (1,), np.zeros((1, 48, 70, 2), np.float32), [item])
    (found,) = pictures.predicted_boundaries(prediction)
    weights = np.maximum(found - found[4, 6], 0)
    middle = [(weights * places).sum() / weights.sum() for places in np.indices(found.shape)]
    np.testing.assert_allclose(middle, [3 + 20.5, 5 + 25], atol=0.02)
