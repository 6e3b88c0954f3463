"""Several clusterings of the same affinities, scored on labelled images.

Each starts from the prediction records of a model: same logits, same refined graph, same zoom, same
smallest size. Only the clustering differs. Each has one number, a threshold or a bias, that is
chosen on training images. The judge is the score of the Data Science Bowl, which ignores classes.
"""

import importlib.util
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from affinity_seg import instances as instances_lib
from affinity_seg.configs import inference
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.evaluation import metrics, results
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

Judged = tuple[Any, Record]
"""The truth of an image, as the judge reads it, and its prediction record."""

Segmented = tuple[Instances, float]
"""The instances of an image, and the seconds that their clustering took."""


class Clustering(NamedTuple):
    """A clustering to compare.

    Attributes:
      name: What it is.
      package: The Python package that does it; None: ours.
      levels: Values of which the best is taken; empty if it has no such number.
      segment: Finds the instances of a record, with one of the levels.
    """

    name: str
    package: str | None
    levels: tuple[float, ...]
    segment: Callable[[Record, InferenceConfig, float | None], Segmented]


def compare(
    clusterings: Sequence[Clustering],
    config: InferenceConfig,
    judge: metrics.Judge,
    training: Sequence[Judged],
    judged: Sequence[Judged],
) -> tuple[list[dict[str, Any]], list[str]]:
    """Scores clusterings, each with its best level on the training images.

    Args:
      clusterings: The clusterings.
      config: The preset; its thresholds are replaced by the level.
      judge: The judge, "dsb".
      training: Images that choose the level.
      judged: Images that are scored.

    Returns:
      A row for each clustering: name, level, scores and the mean seconds of an image; and a line
      for each that was left out, because its package is not there.
    """
    rows, skipped = [], []
    for clustering in clusterings:
        if clustering.package and importlib.util.find_spec(clustering.package) is None:
            skipped.append(f"skipped: {clustering.name}: package {clustering.package} not found")
            continue
        level = None
        if clustering.levels:
            by_level = {
                value: _scored(clustering, config, value, judge, training)[0]["mean_score"]
                for value in clustering.levels
            }
            level = max(by_level, key=by_level.get)
        scores, seconds = _scored(clustering, config, level, judge, judged)
        rows.append(
            {"name": clustering.name, "level": level, **main_numbers(scores), "seconds": seconds}
        )
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


def with_level(config: InferenceConfig, level: float) -> InferenceConfig:
    """Returns a preset with one stage of all distances and this threshold."""
    return inference.change(config, {"stages": (sum(config.stages),), "thresholds": (level,)})


def _scored(
    clustering: Clustering,
    config: InferenceConfig,
    level: float | None,
    judge: metrics.Judge,
    images: Iterable[Judged],
) -> tuple[dict[str, Any], float]:
    """Returns the judge's scores and the mean seconds of an image."""
    matched, seconds = {}, []
    for target, record in images:
        instances, spent = clustering.segment(record, config, level)
        matched[record.name] = judge.match(target, results.predictions_of(instances))
        seconds.append(spent)
    return judge.scores(matched), float(np.mean(seconds))


def _ours(linkage: str) -> Callable[[Record, InferenceConfig, float], Segmented]:
    """Returns our merge; its seconds hold the upsampling of the logits and the refinement too."""

    def segment(record, config, level):
        changed = inference.change(with_level(config, level), {"linkage": linkage})
        prediction, merger = _prepared(record, changed)
        start = time.perf_counter()
        found = merger.merge(prediction)
        return found, time.perf_counter() - start

    return segment


def _others(
    cluster: Callable[[competitors.WindowGraph, float], np.ndarray],
) -> Callable[[Record, InferenceConfig, float], Segmented]:
    """Returns a clustering of the graph of windows; its seconds are those of the clustering."""

    def segment(record, config, level):
        prediction, merger = _prepared(record, with_level(config, 0.5))
        options = config.merge_options(record.class_table, prediction.distances)
        distances = tuple(one.distance for one in reference_graph.merged_distances(options))
        found, seconds = [], 0.0
        graphs = merger.edges(prediction.regions)
        for item, edges in zip(prediction.regions, graphs, strict=True):
            graph = competitors.window_graph(edges, distances)
            if not graph.foreground.any():
                continue
            start = time.perf_counter()
            labels = cluster(graph, level)
            seconds += time.perf_counter() - start
            labels = np.where(graph.foreground, labels, 0)
            height, width = item.zoomed_size
            pixels = reference_graph.spread(labels, options.merge_window, height, width)
            found.append((item, _instances(pixels, config.min_pixels, record)))
        return _pasted(record, found), seconds

    return segment


def _components(record: Record, config: InferenceConfig, _: None) -> Segmented:
    """Connected components of the most probable class, at the zoom of the graph."""
    prediction, _ = _prepared(record, config)
    found, seconds = [], 0.0
    for item in prediction.regions:
        start = time.perf_counter()
        logits = tf.constant(item.semantic_logits, tf.float32)
        stride = prediction.semantic_stride
        probabilities = semantic_probabilities(logits, stride, *item.zoomed_size).numpy()
        found.append((item, connected_components(probabilities, config.min_pixels)))
        seconds += time.perf_counter() - start
    return _pasted(record, found), seconds


def _mutex(graph: competitors.WindowGraph, level: float) -> np.ndarray:
    return competitors.run_mwatershed(competitors.mwatershed_affinities(graph, level), graph)


def _gasp(linkage: str) -> Callable[[competitors.WindowGraph, float], np.ndarray]:
    def cluster(graph, level):
        channels = (len(graph.offsets),)
        return competitors.run_staged_gasp(graph, channels, (level,), linkage)

    return cluster


def _prepared(record: Record, config: InferenceConfig):
    """Returns the logits that the preset uses, and its merge."""
    prediction = record.prediction.select_views(config.semantic_flip, config.affinity_flip)
    return prediction, merging.merger_of(prediction, config, record.class_table)


def _instances(labels: np.ndarray, min_pixels: int, record: Record) -> Instances:
    """Returns the labels with more than `min_pixels` pixels as instances of class 1 and score 1."""
    _, numbers = np.unique(labels, return_inverse=True)
    numbers = numbers.reshape(labels.shape) + (labels.min() > 0)  # 0 is the background.
    sizes = np.bincount(numbers.ravel())
    is_kept = sizes > min_pixels
    is_kept[0] = False
    count = int(is_kept.sum())
    votes = np.zeros([count, record.class_table.num_classes], np.int64)
    votes[:, 1] = sizes[is_kept]
    indices = np.where(is_kept, np.cumsum(is_kept) - 1, -1)[numbers]
    return instances_lib.number(indices, np.ones(count), np.ones(count), votes)


def _pasted(record: Record, found: Sequence[tuple[RegionPrediction, Instances]]) -> Instances:
    """Returns the instances of all regions in the image."""
    prediction = record.prediction
    canvas = pasting.empty((prediction.height, prediction.width), record.class_table.num_classes)
    for item, instances in found:
        canvas = pasting.paste(canvas, item.region, instances)
    return pasting.number(canvas).as_numpy()
