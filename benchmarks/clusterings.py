"""Several clusterings of the same affinities, scored on labelled images.

Each starts from the prediction records of a model: same logits, same refined graph, same zoom, same
smallest size. Only the clustering differs. Each has one number, a threshold or a bias, that is
chosen on training images. The judge is the score of the Data Science Bowl, which ignores classes.
"""

import functools
import importlib.util
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from affinity_seg import instances as instances_lib
from affinity_seg.configs import inference
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.evaluation import metrics, result_writing
from affinity_seg.instances import Instances
from affinity_seg.ops import reference_graph
from affinity_seg.pipeline import merging, pasting
from affinity_seg.pipeline.components import connected_components
from affinity_seg.pipeline.predictions import RegionPrediction
from affinity_seg.pipeline.probabilities import semantic_probabilities
from affinity_seg.pipeline.records import Record
from benchmarks import competitors

LEVELS = tuple(round(0.1 * step, 1) for step in range(1, 10))
"""Thresholds, or biases, of which the best on the training images is taken."""

Segmented = tuple[Instances, float]
"""The instances of an image, and the seconds that their clustering took."""


class Image:
    """An image whose affinities are clustered.

    Attributes:
      target: The truth, as the judge reads it.
      record: The prediction record.
      config: The preset.
    """

    def __init__(self, target: Any, record: Record, config: InferenceConfig):
        """Takes truth, record and preset."""
        self.target, self.record, self.config = target, record, config
        flips = config.semantic_flip, config.affinity_flip
        self._prediction = record.prediction.select_views(*flips)

    @property
    def regions(self) -> list[RegionPrediction]:
        """The logits that the preset uses."""
        return self._prediction.regions

    def merge(self, config: InferenceConfig) -> Instances:
        """Returns the instances of our merge with a preset that differs only in the merge."""
        merger = merging.merger_of(self._prediction, config, self.record.class_table)
        return merger.merge(self._prediction)

    @functools.cached_property
    def graphs(self) -> list[competitors.WindowGraph]:
        """The refined graph of each region."""
        table, distances = self.record.class_table, self._prediction.distances
        merger = merging.merger_of(self._prediction, self.config, table)
        options = self.config.merge_options(table, distances)
        merged = tuple(one.distance for one in reference_graph.merged_distances(options))
        return [competitors.window_graph(e, merged) for e in merger.edges(self.regions)]

    def paste(self, found: Sequence[tuple[RegionPrediction, Instances]]) -> Instances:
        """Returns the instances of all regions in the image."""
        prediction = self.record.prediction
        size = prediction.height, prediction.width
        canvas = pasting.empty(size, self.record.class_table.num_classes)
        for item, instances in found:
            canvas = pasting.paste(canvas, item.region, instances)
        return pasting.number(canvas).as_numpy()


class Clustering(NamedTuple):
    """A clustering to compare.

    Attributes:
      name: What it is.
      package: The Python package that does it; None: ours.
      levels: Values of which the best is taken; empty if it has no such number.
      segment: Finds the instances of an image, with one of the levels.
    """

    name: str
    package: str | None
    levels: tuple[float, ...]
    segment: Callable[[Image, float | None], Segmented]


def compare(
    clusterings: Sequence[Clustering],
    judge: metrics.Judge,
    training: Iterable[Image],
    images: Iterable[Image],
) -> tuple[list[dict[str, Any]], list[str]]:
    """Scores clusterings, each with its best level on the training images.

    Args:
      clusterings: The clusterings.
      judge: The judge, "dsb".
      training: Images that choose the level.
      images: Images that are scored.

    Returns:
      A row for each clustering: name, level, scores and the mean seconds of an image; and a line
      for each that was left out, because its package is not there.
    """
    found, skipped = [], []
    for one in clusterings:
        if one.package and importlib.util.find_spec(one.package) is None:
            skipped.append(f"skipped: {one.name}: package {one.package} not found")
        else:
            found.append(one)
    tried = [(one, level) for one in found for level in one.levels]
    scores = dict(zip(tried, _scored(tried, judge, training), strict=True))
    best = []
    for one in found:
        by_level = {level: scores[one, level][0]["mean_score"] for level in one.levels}
        best.append((one, max(by_level, key=by_level.get, default=None)))
    rows = [
        {"name": one.name, "level": level, **main_numbers(of_images), "seconds": seconds}
        for (one, level), (of_images, seconds) in zip(
            best, _scored(best, judge, images), strict=True
        )
    ]
    return rows, skipped


def main_numbers(scores: dict[str, Any]) -> dict[str, float]:
    """Returns the numbers of a metric's scores that the tables show."""
    if "score_per_iou" not in scores:
        return {"ap": scores["ap"], "ap50": scores["ap50"]}
    at = {f"dsb_{iou}": scores["score_per_iou"][iou] for iou in ("0.50", "0.70", "0.90")}
    return {**at, "dsb_mean": scores["mean_score"]}


def known() -> list[Clustering]:
    """Returns the clusterings, ours first."""
    return [
        Clustering("ours: average linkage", None, LEVELS, _ours("average")),
        Clustering("ours: weighted linkage", None, LEVELS, _ours("weighted")),
        Clustering("mutex watershed (mwatershed)", "mwatershed", LEVELS, _others(_mutex)),
        Clustering("GASP, mean (bioimage-cpp)", "bioimage_cpp", LEVELS, _others(_gasp("mean"))),
        Clustering("GASP, sum (bioimage-cpp)", "bioimage_cpp", LEVELS, _others(_gasp("sum"))),
        Clustering("connected components of the classes", None, (), _components),
    ]


def _scored(
    tried: Sequence[tuple[Clustering, float | None]],
    judge: metrics.Judge,
    images: Iterable[Image],
) -> list[tuple[dict[str, Any], float]]:
    """Returns scores and the mean seconds of an image, for each clustering with its level."""
    matched: list[dict[str, Any]] = [{} for _ in tried]
    seconds: list[list[float]] = [[] for _ in tried]
    for image in images:
        for index, (clustering, level) in enumerate(tried):
            instances, spent = clustering.segment(image, level)
            predictions = result_writing.predictions_of(instances)
            matched[index][image.record.name] = judge.match(image.target, predictions)
            seconds[index].append(spent)
    return [
        (judge.scores(by_image), float(np.mean(spent)))
        for by_image, spent in zip(matched, seconds, strict=True)
    ]


def _ours(linkage: str) -> Callable[[Image, float], Segmented]:
    """Returns our merge; its seconds hold the upsampling of the logits and the refinement too."""

    def segment(image, level):
        stages = {"stages": (sum(image.config.stages),), "thresholds": (level,)}
        config = inference.change(image.config, {**stages, "linkage": linkage})
        start = time.perf_counter()
        found = image.merge(config)
        return found, time.perf_counter() - start

    return segment


def _others(
    cluster: Callable[[competitors.WindowGraph, float], np.ndarray],
) -> Callable[[Image, float], Segmented]:
    """Returns a clustering of the graph of windows; its seconds are those of the clustering."""

    def segment(image, level):
        found, seconds = [], 0.0
        for item, graph in zip(image.regions, image.graphs, strict=True):
            if not graph.foreground.any():
                continue
            start = time.perf_counter()
            labels = cluster(graph, level)
            seconds += time.perf_counter() - start
            labels = np.where(graph.foreground, labels, 0)
            window = image.config.merge_window
            pixels = reference_graph.spread(labels, window, *item.zoomed_size)
            found.append((item, _instances(pixels, image)))
        return image.paste(found), seconds

    return segment


def _components(image: Image, _: None) -> Segmented:
    """Connected components of the most probable class, at the zoom of the graph."""
    found, seconds = [], 0.0
    for item in image.regions:
        start = time.perf_counter()
        logits = tf.constant(item.semantic_logits, tf.float32)
        stride = image.record.prediction.semantic_stride
        probabilities = semantic_probabilities(logits, stride, *item.zoomed_size).numpy()
        found.append((item, connected_components(probabilities, image.config.min_pixels)))
        seconds += time.perf_counter() - start
    return image.paste(found), seconds


def _mutex(graph: competitors.WindowGraph, level: float) -> np.ndarray:
    return competitors.run_mwatershed(competitors.mwatershed_affinities(graph, level), graph)


def _gasp(linkage: str) -> Callable[[competitors.WindowGraph, float], np.ndarray]:
    def cluster(graph, level):
        channels = (len(graph.offsets),)
        return competitors.run_staged_gasp(graph, channels, (level,), linkage)

    return cluster


def _instances(labels: np.ndarray, image: Image) -> Instances:
    """Returns the labels above the smallest size as instances of class 1 and score 1.

    Args:
      labels: int [H, W], 0 on the background.
      image: The image, whose preset has the smallest size.
    """
    _, numbers = np.unique(labels, return_inverse=True)
    numbers = numbers.reshape(labels.shape) + (labels.min() > 0)
    sizes = np.bincount(numbers.ravel())
    is_kept = sizes > image.config.min_pixels
    is_kept[0] = False
    count = int(is_kept.sum())
    votes = np.zeros([count, image.record.class_table.num_classes], np.int64)
    votes[:, 1] = sizes[is_kept]
    indices = np.where(is_kept, np.cumsum(is_kept) - 1, -1)[numbers]
    return instances_lib.number(indices, np.ones(count), np.ones(count), votes)
