"""Scenes of discs and squares, and networks that know objects of some sizes only."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.instances import overlaps
from affinity_seg.labels import ClassTable
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
LARGE = {"first_zoom": 2.0, "min_zoom": 1.25, "lowest_zoom": 0.25, "object_size": 24.0}
"""Changes of `CONFIG` with which large objects are looked for first."""


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


def make_scene(diameters, size=SIZE):
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


def make_segmenter(scene, known=(0, np.inf), **changes):
    networks = [SizedNetwork(kind, *scene, known) for kind in ("semantic", "affinity")]
    return Segmenter(*networks, dataclasses.replace(CONFIG, **changes))


def by_program(segmenter, image):
    return segmenter.segment(image).as_numpy()


def by_records(segmenter, image):
    return segmenter.merger.merge(Predictor(segmenter).predict(image))


def by_graph(segmenter, image):
    traced = tf.function(segmenter.segment, input_signature=[tf.TensorSpec([None, None, 3])])
    return traced(image).as_numpy()


WAYS = pytest.mark.parametrize("way", [by_program, by_records, by_graph])


def median_of(instances):
    return np.median(np.sqrt(4 / np.pi * np.bincount(instances.ravel())[1:]))


def expected_zoom(instances, config=CONFIG):
    """Returns the zoom of objects that are measured without an error."""
    wanted = config.object_size / median_of(instances)
    return config.first_zoom * 2 ** (np.round(8 * np.log2(wanted / config.first_zoom)) / 8)


def zoomed_height(zoom, instances):
    return int(np.floor(instances.shape[0] * zoom + 0.5))


def best_ious(found, instances):
    """Returns the best IoU of each true instance."""
    common, union = overlaps(instances, found)
    return (common / union).max(axis=1)


def run(way, scene, known=(0, np.inf), **changes):
    """Returns what was found and the heights of the affinity network's inputs."""
    segmenter = make_segmenter(scene, known, **changes)
    found = way(segmenter, coordinates(*scene[1].shape))
    return found, segmenter.networks[-1].heights
