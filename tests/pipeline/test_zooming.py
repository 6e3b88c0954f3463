"""`zoom: auto`: objects of any size end at the size that the networks want, on every path."""

import dataclasses

import numpy as np
import pytest
from sized_scenes import (
    CONFIG,
    LARGE,
    SIZE,
    TABLE,
    WAYS,
    best_ious,
    by_graph,
    by_program,
    by_records,
    expected_zoom,
    make_scene,
    make_segmenter,
    median_of,
    run,
    zoomed_height,
)  # fmt: skip

from affinity_seg.configs.inference import MIN_TILE_SIDE, at_diameter, fixed_zoom
from affinity_seg.pipeline import merging, tiles
from affinity_seg.pipeline.predicting import Predictor
from affinity_seg.pipeline.segmenter import Segmenter
from checks.true_networks import TrueNetwork, coordinates


@pytest.mark.parametrize(
    ("diameter", "way"),
    [
        *((d, by_program) for d in (9, 15, 20, 31, 45)),
        (9, by_records),
        (9, by_graph),
        (45, by_graph),
    ],
)
def test_objects_of_any_size_end_at_one_size(diameter, way):
    scene = make_scene([diameter, diameter - 1, diameter + 1])
    found, heights = run(way, scene)
    assert heights == [112, zoomed_height(expected_zoom(scene[1]), scene[1])]
    assert 22 < median_of(scene[1]) * heights[-1] / 112 < 26
    assert sorted(found.classes) == [1, 1, 2]
    assert best_ious(found.instance_ids, scene[1]).min() > 0.85


@pytest.mark.parametrize("diameter", [9, 20, 24, 45])
def test_the_zoom_that_was_chosen_is_known_and_can_be_given(diameter):
    scene = make_scene([diameter, diameter - 1, diameter + 1])
    segmenter, image = make_segmenter(scene), coordinates(*SIZE)
    prediction = Predictor(segmenter).predict(image)
    zoomed = np.asarray(prediction.regions[0].zoomed_size).tolist()
    zoom = segmenter.zooming.zoom_of(SIZE, zoomed)
    assert zoom == pytest.approx(expected_zoom(scene[1]))
    # With limits that leave only this zoom, merged in another way, it stays as it is.
    fixed = make_segmenter(scene, min_pixels=300, **fixed_zoom(zoom))
    found = by_program(fixed, image)
    assert fixed.networks[-1].heights == [zoomed[0]]
    wanted = merging.merger_of(prediction, fixed.config, TABLE).merge(prediction)
    np.testing.assert_array_equal(found.instance_ids, wanted.instance_ids)


def test_a_diameter_that_is_given_is_not_measured():
    # At the first zoom the networks do not see such large objects.
    scene, known = make_scene([45, 44, 46]), (0, 30)
    assert not len(by_program(make_segmenter(scene, known), coordinates(*SIZE)).classes)
    config = at_diameter(CONFIG, 45)
    segmenter = make_segmenter(scene, known, **vars(config))
    found = by_program(segmenter, coordinates(*SIZE))
    assert segmenter.networks[-1].heights == [zoomed_height(24 / 45, scene[1])]
    assert sorted(found.classes) == [1, 1, 2]
    assert best_ious(found.instance_ids, scene[1]).min() > 0.85


@pytest.mark.parametrize(
    ("diameter", "zoom"), [(1.6, 4), (12, 2), (22, 1.25), (72, 0.5), (180, 0.2)]
)
def test_a_diameter_gives_the_zoom_that_it_would_have(diameter, zoom):
    config = at_diameter(dataclasses.replace(CONFIG, **LARGE), diameter)
    assert {config.first_zoom, config.min_zoom, config.max_zoom} == {zoom}
    _, passes = run(by_program, make_scene([]), **vars(config))
    assert passes == [zoomed_height(zoom, np.zeros(SIZE))]


@pytest.mark.parametrize(
    ("diameter", "changes", "message"),
    [
        (0, {}, "`diameter` must be a positive number of pixels: 0"),
        (np.nan, {}, "`diameter` must be a positive number"),
        (1.4, {}, "`diameter` must be at least 1.5 pixels of the picture for this model: 1.4"),
        (3000, {"min_zoom": 1 / 64}, "`min_zoom` must be in"),
        (9, {"zoom": "none"}, "`diameter` must not be given: the model's `zoom` is 'none'"),
    ],
)
def test_diameters_that_cannot_be(diameter, changes, message):
    with pytest.raises(ValueError, match=message):
        at_diameter(dataclasses.replace(CONFIG, **changes), diameter)


@WAYS
def test_objects_of_that_size_need_one_pass(way):
    scene = make_scene([24, 23, 25, 24])
    found, heights = run(way, scene)
    assert heights == [112]
    assert best_ious(found.instance_ids, scene[1]).tolist() == [1, 1, 1, 1]


def test_the_median_counts():
    # Two large objects of five do not matter; with an even count it lies between the middle two.
    for diameters in ([14, 14, 15, 22, 23], [12, 13, 17, 24]):
        scene = make_scene(diameters)
        _, heights = run(by_program, scene)
        assert heights == [112, zoomed_height(expected_zoom(scene[1]), scene[1])]


@WAYS
@pytest.mark.parametrize("diameter", [9, 45])
def test_all_ways_are_one(diameter, way):
    changes = {
        "semantic_flip": True, "affinity_flip": True, "partition": True, "merge_window": 2,
        "stages": (1, 1), "thresholds": (0.5, 0.5), "first_zoom": 1.5,
    }  # fmt: skip
    scene = make_scene([diameter] * 4)
    networks = [TrueNetwork(k, *scene, TABLE, distances=(2, 4)) for k in ("semantic", "affinity")]
    segmenter = Segmenter(*networks, dataclasses.replace(CONFIG, **changes))
    image = coordinates(*SIZE)
    wanted, found = by_program(segmenter, image), way(segmenter, image)
    assert len(wanted.classes) == 4
    for name in ("instance_ids", "classes", "scores", "sizes", "boxes", "votes"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), name)


@WAYS
@pytest.mark.parametrize(
    ("diameters", "known", "passes"),
    [
        # At the first zoom the large object alone is seen, and at the second the small ones too.
        ([10, 10, 10, 15.5], (14, 100), 3),
        # The same, but the second zoom is near the first, and is not measured again.
        ([14, 14, 14, 19], (16, 100), 2),
    ],
)
def test_after_a_large_step_objects_are_measured_again(diameters, known, passes, way):
    scene = make_scene(diameters)
    found, heights = run(way, scene, known, max_zoom=3.0, min_pixels=60)
    assert len(heights) == passes
    assert heights[0] < heights[1]
    is_right = heights[-1] == zoomed_height(expected_zoom(scene[1]), scene[1])
    assert is_right == (passes == 3)
    assert len(found.classes) == len(diameters)


@WAYS
def test_nothing_is_found(way):
    found, heights = run(way, make_scene([]), first_zoom=1.5)
    assert heights == [168] and found.classes.size == 0
    assert found.instance_ids.shape == SIZE and not found.instance_ids.any()


@WAYS
def test_one_object(way):
    scene = make_scene([50])
    found, heights = run(way, scene)
    assert heights == [112, zoomed_height(expected_zoom(scene[1]), scene[1])]
    assert found.classes.tolist() == [1]


@pytest.mark.parametrize(
    ("diameter", "changes", "zoom"),
    [
        (9, {"max_zoom": 2.0}, 2.0),
        (9, {"max_zoom": 1.9}, 2 ** (7 / 8)),  # The largest step below it.
        (45, {"min_zoom": 0.75}, 2 ** (-3 / 8)),
        (45, {"min_zoom": 1.0, "max_zoom": 1.0}, 1.0),
        (9, {"min_zoom": 1.3, "max_zoom": 1.3, "first_zoom": 1.3}, 1.3),
    ],
)
def test_zoom_keeps_within_its_limits(diameter, changes, zoom):
    scene = make_scene([diameter] * 3)
    _, heights = run(by_program, scene, min_pixels=20, **changes)
    assert heights[-1] == zoomed_height(zoom, scene[1])


@WAYS
def test_small_objects_are_measured_below_min_pixels(way):
    # 64 pixels at the first zoom, where `min_pixels` drops them; 455 at the last.
    scene = make_scene([9, 9, 9, 9])
    assert np.bincount(scene[1].ravel())[1:].max() < 80
    found, _ = run(way, scene, min_pixels=200)
    assert len(found.classes) == 4
    fixed, _ = run(way, scene, min_pixels=200, max_zoom=1.0)
    assert len(fixed.classes) == 0


@WAYS
def test_large_images_go_through_tiles(way):
    scene = make_scene([20] * 6, (480, 640))
    limit = {"max_input_pixels": MIN_TILE_SIDE**2, "tile_overlap": 64, "object_size": 30.0}
    boxes = tiles.cut(720, 960, *list(limit.values())[:2])[0].numpy()
    found, heights = run(way, scene, first_zoom=1.25, **limit)
    assert len(found.classes) == 6
    assert len(heights) >= 2 + len(boxes) and max(heights) < 600


def test_passes_use_the_logits_that_are_there():
    scene = make_scene([9, 9, 9])
    segmenter, cache = make_segmenter(scene), {}
    predictor, image = Predictor(segmenter), coordinates(*SIZE)
    first = predictor.predict(image, cache)
    runs = len(segmenter.networks[-1].heights)
    again = predictor.predict(image, cache)
    assert len(segmenter.networks[-1].heights) == runs == 2
    np.testing.assert_array_equal(
        first.regions[0].affinity_logits, again.regions[0].affinity_logits
    )


def test_the_fingerprint_tells_what_the_zoom_depends_on():
    found = CONFIG.fingerprint_fields()
    assert found["object_size"] == 24.0 and found["first_zoom"] == 1.0 and found["zoom"] == "auto"
    other = dataclasses.replace(CONFIG, min_pixels=50)
    assert other.prediction_fields() == CONFIG.prediction_fields()
    assert other.fingerprint_fields() != found
    fixed = dataclasses.replace(CONFIG, zoom="none")
    assert fixed.fingerprint_fields() == fixed.prediction_fields()
