"""`zoom: auto`: objects of any size end at the size that the networks want, on every path."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg.configs.inference import MIN_TILE_SIDE, InferenceConfig, at_diameter, fixed_zoom
from affinity_seg.instances import overlaps
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline import merging, tiles, zooming
from affinity_seg.pipeline.predicting import Predictor
from affinity_seg.pipeline.segmenter import Segmenter
from checks.true_networks import TrueNetwork, coordinates

SIZE = 112, 160
TABLE = ClassTable("cells", ("background", "round", "square"), (1, 2), groups=(0, 1, 2))
CONFIG = InferenceConfig(
    regions=False, partition=False, zoom="auto", object_size=24.0, first_zoom=1.0, min_zoom=0.25,
    max_zoom=4.0, stages=(1, 1, 1), thresholds=(0.5, 0.5, 0.5), crop_size=16, bucket=1,
    merge_window=1, min_pixels=100, semantic_flip=False, affinity_flip=False,
)  # fmt: skip


class SizedNetwork(TrueNetwork):
    """Knows objects only if their diameters lie in `known`, pixels of what it is given.

    It does not see others.

    `heights` are the heights of all its inputs.
    """

    def __init__(self, kind, classes, instances, known=(0, np.inf)):
        super().__init__(kind, classes, instances, TABLE, distances=(1, 2, 4))
        self.heights = []
        self._known = known
        self._truth = classes, instances

    def truth(self, image):
        self.heights.append(image.shape[0])
        middle = image.shape[0] // 2
        zoom = 1 / (image[middle + 1, 0, 0] - image[middle, 0, 0])
        classes, instances = (map_.copy() for map_ in self._truth)
        for number in range(1, instances.max() + 1):
            inside = instances == number
            diameter = zoom * np.sqrt(4 / np.pi * inside.sum())
            if not self._known[0] <= diameter <= self._known[1]:
                classes[inside] = 0
        self._classes, self._instances = classes, np.where(classes > 0, instances, 0)
        return super().truth(image)


def _scene(diameters, size=SIZE):
    """Returns the classes and instances of discs and, each second one, squares."""
    classes, instances = np.zeros(size, np.int32), np.zeros(size, np.int32)
    y, x = np.indices(size)
    side = int(max(diameters, default=1)) + 3
    places = [(r, c) for r in range(size[0] // side) for c in range(size[1] // side)]
    for number, (diameter, (row, column)) in enumerate(zip(diameters, places, strict=False), 1):
        dy, dx = y - (row + 0.5) * side, x - (column + 0.5) * side
        is_square = number % 2 == 0
        half = diameter * np.sqrt(np.pi) / 4
        square = (np.abs(dy) < half) & (np.abs(dx) < half)
        inside = square if is_square else np.hypot(dy, dx) < diameter / 2
        instances[inside], classes[inside] = number, 1 + is_square
    assert instances.max() == len(diameters)
    return classes, instances


def _segmenter(scene, known=(0, np.inf), **changes):
    networks = [SizedNetwork(kind, *scene, known) for kind in ("semantic", "affinity")]
    return Segmenter(*networks, dataclasses.replace(CONFIG, **changes))


def _program(segmenter, image):
    return segmenter.segment(image).as_numpy()


def _records(segmenter, image):
    return segmenter.merger.merge(Predictor(segmenter).predict(image))


def _graph(segmenter, image):
    traced = tf.function(segmenter.segment, input_signature=[tf.TensorSpec([None, None, 3])])
    return traced(image).as_numpy()


WAYS = pytest.mark.parametrize("way", [_program, _records, _graph])


def _median(instances):
    return np.median(np.sqrt(4 / np.pi * np.bincount(instances.ravel())[1:]))


def _expected(instances, config=CONFIG):
    """Returns the zoom of objects that are measured without an error."""
    wanted = config.object_size / _median(instances)
    return config.first_zoom * 2 ** (np.round(8 * np.log2(wanted / config.first_zoom)) / 8)


def _height(zoom, instances):
    return int(np.floor(instances.shape[0] * zoom + 0.5))


def _ious(found, instances):
    """Returns the best IoU of each true instance."""
    common, union = overlaps(instances, found)
    return (common / union).max(axis=1)


def _run(way, scene, known=(0, np.inf), **changes):
    """Returns what was found and the heights of the affinity network's inputs."""
    segmenter = _segmenter(scene, known, **changes)
    found = way(segmenter, coordinates(*scene[1].shape))
    return found, segmenter.networks[-1].heights


@pytest.mark.parametrize(
    ("diameter", "way"),
    [*((d, _program) for d in (9, 15, 20, 31, 45)), (9, _records), (9, _graph), (45, _graph)],
)
def test_objects_of_any_size_end_at_one_size(diameter, way):
    scene = _scene([diameter, diameter - 1, diameter + 1])
    found, heights = _run(way, scene)
    assert heights == [112, _height(_expected(scene[1]), scene[1])]
    assert 22 < _median(scene[1]) * heights[-1] / 112 < 26
    assert sorted(found.classes) == [1, 1, 2]
    assert _ious(found.instance_ids, scene[1]).min() > 0.85


@pytest.mark.parametrize("diameter", [9, 20, 24, 45])
def test_the_zoom_that_was_chosen_is_known_and_can_be_given(diameter):
    scene = _scene([diameter, diameter - 1, diameter + 1])
    segmenter, image = _segmenter(scene), coordinates(*SIZE)
    prediction = Predictor(segmenter).predict(image)
    zoomed = np.asarray(prediction.regions[0].zoomed_size).tolist()
    zoom = segmenter.zooming.zoom_of(SIZE, zoomed)
    assert zoom == pytest.approx(_expected(scene[1]))
    # With limits that leave only this zoom, merged in another way, it stays as it is.
    fixed = _segmenter(scene, min_pixels=300, **fixed_zoom(zoom))
    found = _program(fixed, image)
    assert fixed.networks[-1].heights == [zoomed[0]]
    wanted = merging.merger_of(prediction, fixed.config, TABLE).merge(prediction)
    np.testing.assert_array_equal(found.instance_ids, wanted.instance_ids)


def test_a_diameter_that_is_given_is_not_measured():
    # At the first zoom the networks do not see such large objects.
    scene, known = _scene([45, 44, 46]), (0, 30)
    assert not len(_program(_segmenter(scene, known), coordinates(*SIZE)).classes)
    config = at_diameter(CONFIG, 45)
    segmenter = _segmenter(scene, known, **vars(config))
    found = _program(segmenter, coordinates(*SIZE))
    assert segmenter.networks[-1].heights == [_height(24 / 45, scene[1])]
    assert sorted(found.classes) == [1, 1, 2]
    assert _ious(found.instance_ids, scene[1]).min() > 0.85


@pytest.mark.parametrize(
    ("diameter", "zoom"), [(1.6, 4), (12, 2), (22, 1.25), (72, 0.5), (180, 0.2)]
)
def test_a_diameter_gives_the_zoom_that_it_would_have(diameter, zoom):
    config = at_diameter(dataclasses.replace(CONFIG, **LARGE), diameter)
    assert {config.first_zoom, config.min_zoom, config.max_zoom} == {zoom}
    _, passes = _run(_program, _scene([]), **vars(config))
    assert passes == [_height(zoom, np.zeros(SIZE))]


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
    scene = _scene([24, 23, 25, 24])
    found, heights = _run(way, scene)
    assert heights == [112]
    assert _ious(found.instance_ids, scene[1]).tolist() == [1, 1, 1, 1]


def test_the_median_counts():
    # Two large objects of five do not matter; with an even count it lies between the middle two.
    for diameters in ([14, 14, 15, 22, 23], [12, 13, 17, 24]):
        scene = _scene(diameters)
        _, heights = _run(_program, scene)
        assert heights == [112, _height(_expected(scene[1]), scene[1])]


def test_many_specks_do_not_count():
    scene = _scene([31, 30, 31] + 8 * [6])
    objects = np.where(scene[1] <= 3, scene[1], 0)
    _, heights = _run(_program, scene, min_pixels=50)
    assert heights == [112, _height(_expected(objects), objects)]
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


@WAYS
@pytest.mark.parametrize("diameter", [9, 45])
def test_all_ways_are_one(diameter, way):
    changes = {
        "semantic_flip": True, "affinity_flip": True, "partition": True, "merge_window": 2,
        "stages": (1, 1), "thresholds": (0.5, 0.5), "first_zoom": 1.5,
    }  # fmt: skip
    scene = _scene([diameter] * 4)
    networks = [TrueNetwork(k, *scene, TABLE, distances=(2, 4)) for k in ("semantic", "affinity")]
    segmenter = Segmenter(*networks, dataclasses.replace(CONFIG, **changes))
    image = coordinates(*SIZE)
    wanted, found = _program(segmenter, image), way(segmenter, image)
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
    scene = _scene(diameters)
    found, heights = _run(way, scene, known, max_zoom=3.0, min_pixels=60)
    assert len(heights) == passes
    assert heights[0] < heights[1]
    is_right = heights[-1] == _height(_expected(scene[1]), scene[1])
    assert is_right == (passes == 3)
    assert len(found.classes) == len(diameters)


LARGE = {"first_zoom": 2.0, "min_zoom": 1.25, "lowest_zoom": 0.25, "object_size": 24.0}


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
    scene = _scene([diameter, diameter - 0.4] * (count // 2) + [diameter] * (count % 2))
    found, passes = _run(way, scene, **LARGE, min_pixels=50)
    # A `Predictor` keeps the logits of every pass.
    assert passes == (list(dict.fromkeys(heights)) if way is _records else heights)
    assert len(found.classes) == count
    assert _ious(found.instance_ids, scene[1]).min() > 0.85


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

    segmenter = _segmenter(_scene([]), **LARGE)
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
    _segmenter(_scene([]), **changes).zooming.settle(predict, measure)
    assert seen == passes


def _objects(count, diameter, score):
    area = np.pi / 4 * diameter**2
    return zooming.Objects(*(tf.constant([x] * count, tf.float64) for x in (area, score)))


def test_pictures_without_objects_are_looked_at_up_to_the_first_zoom():
    _, passes = _run(_program, _scene([]), **LARGE)
    assert passes == [28, 56, 112, 224]


@WAYS
def test_nothing_is_found(way):
    found, heights = _run(way, _scene([]), first_zoom=1.5)
    assert heights == [168] and found.classes.size == 0
    assert found.instance_ids.shape == SIZE and not found.instance_ids.any()


@WAYS
def test_one_object(way):
    scene = _scene([50])
    found, heights = _run(way, scene)
    assert heights == [112, _height(_expected(scene[1]), scene[1])]
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
    scene = _scene([diameter] * 3)
    _, heights = _run(_program, scene, min_pixels=20, **changes)
    assert heights[-1] == _height(zoom, scene[1])


@WAYS
def test_small_objects_are_measured_below_min_pixels(way):
    # 64 pixels at the first zoom, where `min_pixels` drops them; 455 at the last.
    scene = _scene([9, 9, 9, 9])
    assert np.bincount(scene[1].ravel())[1:].max() < 80
    found, _ = _run(way, scene, min_pixels=200)
    assert len(found.classes) == 4
    fixed, _ = _run(way, scene, min_pixels=200, max_zoom=1.0)
    assert len(fixed.classes) == 0


@WAYS
def test_large_images_go_through_tiles(way):
    scene = _scene([20] * 6, (480, 640))
    limit = {"max_input_pixels": MIN_TILE_SIDE**2, "tile_overlap": 64, "object_size": 30.0}
    boxes = tiles.cut(720, 960, *list(limit.values())[:2])[0].numpy()
    found, heights = _run(way, scene, first_zoom=1.25, **limit)
    assert len(found.classes) == 6
    assert len(heights) >= 2 + len(boxes) and max(heights) < 600


def test_passes_use_the_logits_that_are_there():
    scene = _scene([9, 9, 9])
    segmenter, cache = _segmenter(scene), {}
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
