"""`zoom: auto`: which passes are made, and which objects of a pass are measured."""

import numpy as np
import pytest
import tensorflow as tf
from sized_scenes import (
    LARGE,
    WAYS,
    best_ious,
    by_program,
    by_records,
    expected_zoom,
    make_scene,
    make_segmenter,
    run,
    zoomed_height,
)  # fmt: skip

from affinity_seg.pipeline import zooming


def test_many_specks_do_not_count():
    scene = make_scene([31, 30, 31] + 8 * [6])
    objects = np.where(scene[1] <= 3, scene[1], 0)
    _, heights = run(by_program, scene, min_pixels=50)
    assert heights == [112, zoomed_height(expected_zoom(objects), objects)]
    # All of one size count, whatever `min_pixels` is, and so does an object alone.
    for areas in ([9.0], [20.0] * 6, [20.0] * 9 + [100.0]):
        assert _median_diameter(areas, 0) == pytest.approx(_diameter(np.median(areas)))
    assert _median_diameter([3.0] * 9 + [100.0], 0) == pytest.approx(_diameter(100))


def test_objects_that_are_seen_well_say_what_a_speck_is():
    # Two pieces of dirt have most of the pixels, and specks are most in number.
    areas = [1.0] * 20 + [20.0] * 9 + [2000.0] * 2
    assert _median_diameter(areas, 0) == pytest.approx(_diameter(2000))
    assert _median_diameter(areas, 11) == pytest.approx(_diameter(20))


def _median_diameter(areas, well):
    """Returns the median diameter if the last `well` objects are those that are seen well."""
    is_well = np.arange(len(areas)) >= len(areas) - well
    areas = tf.constant(areas, tf.float64)
    return zooming.median_diameter(areas, tf.constant(is_well), 0.1).numpy()


def _diameter(area):
    return np.sqrt(4 / np.pi * area)


@pytest.mark.parametrize(
    ("diameter", "count", "heights"),
    [
        # Seen well at zoom 0.25, with 17 pixels. But two may be dirt, so all passes are made. At
        # 0.5 they have 35 pixels, which is below 36.
        (70, 2, [28, 56, 112, 224, 56]),
        # Three, and the next zoom shows no more of them.
        (40, 3, [28, 56, 103]),
        # Eight are enough. Not seen well with 5 pixels, but with 10. At the zoom next to `min_zoom`
        # they have 26.
        (20, 8, [28, 56, 145]),
        # Seen well at no zoom below 2, where they have 12.
        (6, 8, [28, 56, 112, 224, 448]),
    ],
)
@WAYS
def test_large_objects_are_looked_for_first(diameter, count, heights, way):
    scene = make_scene([diameter, diameter - 0.4] * (count // 2) + [diameter] * (count % 2))
    found, passes = run(way, scene, **LARGE, min_pixels=50)
    # A `Predictor` keeps the logits of every pass.
    assert passes == (list(dict.fromkeys(heights)) if way is by_records else heights)
    assert len(found.classes) == count
    assert best_ious(found.instance_ids, scene[1]).min() > 0.85


@pytest.mark.parametrize(
    ("diameter", "score", "small", "zoom"),
    [
        (80, 0.83, 1, 0.5),
        # A low score; more objects at the first zoom; an object that needs a zoom below the lowest.
        (80, 0.81, 1, 4.0),
        (80, 0.83, 2, 4.0),
        (95, 0.9, 1, 0.4),
        (98, 0.9, 1, 4.0),
    ],
)
def test_what_is_seen_at_low_zooms_may_be_no_object(diameter, score, small, zoom):
    def measure(zoom):
        # At low zooms a glow is taken for an object. At the first zoom small objects are seen.
        return _objects(small, 6, 0.9) if zoom >= 2 else _objects(1, diameter, score)

    segmenter = make_segmenter(make_scene([]), **LARGE)
    assert segmenter.zooming.settle(lambda zoom: zoom, measure).numpy() == pytest.approx(zoom, 0.1)


@pytest.mark.parametrize(
    ("then", "passes"),
    [
        # The same objects, also if their scores are low.
        ((40, 0.9), [0.25, 0.5, 0.84]),
        ((40, 0.5), [0.25, 0.5, 0.84]),
        # Smaller ones: this measurement holds.
        ((12, 0.9), [0.25, 0.5, 0.84, 2]),
    ],
)
def test_what_is_seen_well_is_measured_again(then, passes):
    seen = []

    def predict(zoom):
        seen.append(round(float(zoom), 2))
        return seen[-1]

    def measure(zoom):
        return _objects(8, *{0.25: (1, 0.9), 0.5: (40, 0.9)}.get(zoom, then))

    changes = {**LARGE, "min_zoom": 0.85, "min_pixels": 0}
    make_segmenter(make_scene([]), **changes).zooming.settle(predict, measure)
    assert seen == passes


def _objects(count, diameter, score):
    area = np.pi / 4 * diameter**2
    return zooming.Objects(*(tf.constant([x] * count, tf.float64) for x in (area, score)))


def test_pictures_without_objects_are_looked_at_up_to_the_first_zoom():
    _, passes = run(by_program, make_scene([]), **LARGE)
    assert passes == [28, 56, 112, 224]
