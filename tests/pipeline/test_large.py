"""Large pictures in parts: the same instances as those of the whole picture."""

import dataclasses

import numpy as np
import pytest
from sized_scenes import CONFIG, SizedNetwork

import affinity_seg
from affinity_seg import instances as instances_lib
from affinity_seg.configs.inference import MIN_TILE_SIDE
from affinity_seg.data import pictures
from affinity_seg.data.windows import WindowedPicture
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline import large, part_results, parts, tiled_logits
from affinity_seg.pipeline.segmenter import Segmenter
from checks.true_networks import coordinates

SIZE = 517, 583
TABLE = ClassTable("cells", ("background", "round", "square"), (1, 2), groups=(0, 1, 2))
SMALL_TILES = dataclasses.replace(
    CONFIG, max_input_pixels=MIN_TILE_SIDE**2, tile_overlap=64, min_pixels=20, merge_overlap=64
)


class Coordinates(WindowedPicture):
    """The picture of `checks.true_networks`, which has no contrast."""

    def histogram(self):
        return np.zeros(256, np.int64)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(parts, "SIDE", 256)
    monkeypatch.setattr(large, "MAX_MEASURED_PARTS", 1000)


def _scene(seed=0, count=250, size=SIZE, largest=30):
    """Returns classes and instances: discs and rectangles, many of which touch."""
    rng = np.random.default_rng(seed)
    classes, instances = np.zeros(size, np.int32), np.zeros(size, np.int32)
    y, x = np.indices(size)
    for number in range(1, count + 1):
        cy, cx = rng.integers(0, size)
        h, w = rng.integers(8, largest, 2) / 2
        is_square = number % 2 == 0
        dy, dx = np.abs(y - cy) / h, np.abs(x - cx) / w
        inside = np.maximum(dy, dx) < 1 if is_square else np.hypot(dy, dx) < 1
        classes[inside], instances[inside] = 1 + is_square, number
    return classes, instances


def _segmenter(scene, stride=1, **changes):
    networks = []
    for kind in ("semantic", "affinity"):
        network = SizedNetwork(kind, *scene)
        network.output_stride = network.feature_stride = stride
        networks.append(network)
    return Segmenter(*networks, dataclasses.replace(SMALL_TILES, **changes))


def _check_same(found, wanted):
    np.testing.assert_array_equal(found.instance_ids, wanted.instance_ids)
    for name in ("classes", "scores", "sizes", "boxes", "votes"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))


@pytest.mark.parametrize(
    "changes",
    [
        {"zoom": "none"},
        {"zoom": "none", "max_input_pixels": 2**24},
        {"object_size": 24.0, "min_zoom": 1.0, "merge_window": 2},
        {"zoom": "none", "partition": True, "semantic_flip": True, "affinity_flip": True},
        {"object_size": 12.0, "min_zoom": 0.8, "max_input_pixels": 2**20, "affinity_flip": True},
        {"zoom": "none", "stride": 4, "crop_size": 560, "bucket": 64},
        {"zoom": "box_height", "crop_size": 1000, "merge_window": 2, "min_zoom": 0.5},
    ],
    ids=[
        "tiles",
        "one tile",
        "larger",
        "partition and flips",
        "smaller",
        "stride 4, padded",
        "box height",
    ],
)
def test_the_instances_are_those_of_the_whole(changes, monkeypatch):
    if "stride" in changes:  # Tiles that are not kept are run again.
        monkeypatch.setattr(large, "KEPT_BYTES", 1)
    segmenter = _segmenter(_scene(), **changes)
    image = coordinates(*SIZE)
    wanted = segmenter.segment(image).as_numpy()
    seen = []

    def progress(listed, what):
        seen.append((what, len(listed)))
        return listed

    found = large.segment(segmenter, Coordinates(image), progress)
    assert seen[-1][0] == "segment" and seen[-1][1] >= 9
    assert (len(seen) > 1) == (segmenter.zooming is not None)
    assert found.num_cut == 0 and found.warning is None
    assert len(wanted.classes) > 100
    _check_same(found.instances.whole(), wanted)


@pytest.fixture(scope="module")
def nuclei():
    """The shipped model and a picture of an odd size, darker at one side, with all instances."""
    model = affinity_seg.load("nuclei", max_input_pixels=512 * 1024)
    image = pictures.read("models/nuclei.png")
    image = np.concatenate([image, image[:, ::-1]], axis=1)[:-3, :-501]
    shade = np.linspace(0.4, 1, image.shape[1])[None, :, None]
    image = (image * shade).astype(np.uint8)
    return model, image, model._segmenter.segment(image).as_numpy()


def test_the_shipped_model_finds_the_same(nuclei, monkeypatch):
    model, image, wanted = nuclei
    monkeypatch.setattr(parts, "SIDE", 800)
    assert large.is_large(model.config, image.shape[:2]) and len(wanted.classes) > 200
    found = model.segment(image)
    _check_same(found, wanted)
    assert found.class_table is model.class_table


def test_of_very_large_pictures_some_tiles_and_parts_are_measured(nuclei, monkeypatch):
    model, image, wanted = nuclei
    monkeypatch.setattr(tiled_logits, "MAX_CONTEXT_TILES", 2)
    monkeypatch.setattr(large, "MAX_MEASURED_PARTS", 3)
    monkeypatch.setattr(parts, "SIDE", 800)
    found = model.segment(image)
    common, union = instances_lib.overlaps(found.instance_ids, wanted.instance_ids)
    assert np.mean((common / union).max(axis=0) > 0.9) > 0.9


def _bars():
    """Returns classes and instances: two bars much longer than a part, and small squares."""
    classes, instances = np.zeros(SIZE, np.int32), np.zeros(SIZE, np.int32)
    instances[300:310, 20:560] = 1
    instances[20:500, 400:408] = 2
    for number, x in enumerate(range(40, 380, 60), start=3):
        instances[100:112, x : x + 12] = number
    classes[instances > 0] = 1
    return classes, instances


def test_objects_larger_than_the_overlap_are_counted_and_not_lost():
    classes, instances = _bars()
    found = large.segment(
        _segmenter((classes, instances), zoom="none"), Coordinates(coordinates(*SIZE))
    )
    ids = found.instances.whole().instance_ids
    np.testing.assert_array_equal(ids > 0, instances > 0)
    assert found.num_cut >= 6
    sizes = found.instances.sizes
    assert sizes.sum() == np.count_nonzero(instances)
    assert f"{found.num_cut} of {len(sizes)} instances" in found.warning
    assert "--override=merge_overlap=128" in found.warning
    for number in range(3, instances.max() + 1):
        assert len(np.unique(ids[instances == number])) == 1
    # As the line says, a larger overlap helps.
    whole = _segmenter((classes, instances), zoom="none", merge_overlap=600)
    found = large.segment(whole, Coordinates(coordinates(*SIZE)))
    assert found.num_cut == 0
    _check_same(found.instances.whole(), whole.segment(coordinates(*SIZE)).as_numpy())


def test_where_parts_disagree_each_pixel_has_one_instance():
    size = 40, 60
    cores = [(0, 0, 40, 30), (0, 30, 40, 60)]
    boxes = [(0, 0, 40, 45), (0, 15, 40, 60)]
    maps = [np.zeros((40, 45), np.int32) for _ in range(2)]
    maps[0][10:20, 20:38] = 1  # Its middle, 29, lies in the first core;
    maps[1][10:20, 6:26] = 1  # as seen by the other part, 31, in the second.
    maps[0][30:34, 24:36] = 2  # The middle of this one lies in the second core for both.
    maps[1][30:34, 15:24] = 2
    results = part_results.PartResults(size, TABLE)
    for core, box, ids in zip(cores, boxes, maps, strict=True):
        part = parts.Part(core, box, box, None)
        found = instances_lib.number(
            ids - 1, np.int32([1, 2]), np.float32([0.5, 0.6]), np.ones((2, 3), np.int64)
        )
        results.add(part, found.as_numpy())
    found, num_cut = results.finish()
    assert num_cut == 0
    assert found.boxes.tolist() == [[10, 20, 20, 38], [30, 30, 34, 39]]
    ids = found.whole().instance_ids
    assert found.sizes.tolist() == np.bincount(ids.ravel())[1:].tolist()


def test_small_pictures_and_presets_with_regions_are_not_large():
    segmenter = _segmenter(_scene(), zoom="none")
    assert large.is_large(segmenter.config, (512, 514)) and not large.is_large(
        segmenter.config, (512, 512)
    )
    zoomed = _segmenter(_scene(), max_zoom=2.0)
    assert large.is_large(zoomed.config, (257, 257)) and not large.is_large(
        zoomed.config, (256, 256)
    )
    assert not large.is_large(_segmenter(_scene(), zoom="none", regions=True).config, (5000, 5000))
