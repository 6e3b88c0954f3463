"""What the evidence page measures of a model: clusterings, strategies, seconds for an image.

Each measurement is kept in a JSON file and is not made again while its model and images stay the
same. Delete the file to measure again.
"""

import importlib.util
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

import affinity_seg
from affinity_seg import files, structured
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data.items import Item
from affinity_seg.evaluation import metrics
from affinity_seg.model_folder import ModelFolder
from affinity_seg.modeling import network_folder
from affinity_seg.pipeline import folders, prediction_runs, records
from affinity_seg.pipeline.fingerprint import prediction_fingerprint
from benchmarks import clusterings, strategies


def compare(
    model: ModelFolder, training: Sequence[Item], items: Sequence[Item], output_dir: str
) -> dict[str, Any]:
    """Compares clusterings and strategies on the logits of a model.

    Args:
      model: The model.
      training: Labelled images that choose the levels of the clusterings; with none of them only
        the strategies are compared.
      items: Labelled images that are scored.
      output_dir: Folder for the prediction records and comparisons.json.

    Returns:
      `clusterings` and `strategies`, lists of rows; `skipped`, lines; `machine`.
    """
    config, class_table = model.config(), network_folder.read_class_table(model.semantic_dir)
    distances = network_folder.read_distances(model.affinity_dir)
    tried, skipped = strategies.strategies(config, class_table, distances)
    configs, record_dirs = {}, []
    for one in tried:
        recorded = strategies.recorded_with(one.config, distances)
        record_dirs.append(folders.records_dir(output_dir, recorded, model.network_dirs))
        configs.setdefault(record_dirs[-1], recorded)
    chosen = {clustering.package for clustering in clusterings.known()} - {None}
    made_from = {
        "preset": structured.plain(vars(config)),
        "records": [os.path.basename(folder) for folder in record_dirs],
        "training": [item.name for item in training],
        "images": [item.name for item in items],
        "packages": sorted(name for name in chosen if importlib.util.find_spec(name)),
    }

    def make() -> dict[str, Any]:
        prediction_runs.predict_variants(items, configs, *model.network_dirs)
        first = {record_dirs[0]: configs[record_dirs[0]]}
        prediction_runs.predict_variants(training, first, *model.network_dirs)
        rows, missing = [], []
        if training:
            judge = metrics.Judge(class_table, "dsb")
            parts = [_read(judge, part, record_dirs[0], config) for part in (training, items)]
            rows, missing = clusterings.compare(clusterings.known(), judge, *parts)
        return {
            "clusterings": rows,
            "strategies": strategies.compare(tried, record_dirs, metrics.Judge(class_table), items),
            "skipped": {"clusterings": missing, "strategies": skipped},
        }

    return _kept(os.path.join(output_dir, "comparisons.json"), made_from, make)


def seconds_per_image(model: ModelFolder, items: Sequence[Item], path: str) -> float:
    """Returns the median seconds for an image, from its file to the file of its instances.

    Each image is segmented twice, and the second time counts, so that the network has seen the
    shape before.

    Args:
      model: The model.
      items: The images.
      path: JSON file that keeps the result.
    """
    config = model.config()
    made_from = {
        "fingerprint": prediction_fingerprint(config, *model.network_dirs),
        "preset": structured.plain(vars(config)),
        "images": [item.name for item in items],
    }

    def make() -> dict[str, Any]:
        loaded = affinity_seg.load(model.path)
        output = os.path.join(os.path.dirname(os.path.abspath(path)), "instances.png")
        seconds = []
        for item in items:
            for _ in range(2):
                start = time.perf_counter()
                ids = loaded.segment(item.image_path).instance_ids
                cv2.imwrite(output, ids.astype(np.uint16))
                last = time.perf_counter() - start
            seconds.append(last)
        os.remove(output)
        return {"seconds": statistics.median(seconds)}

    return _kept(path, made_from, make)["seconds"]


def machine() -> str:
    """Returns processor, cores and operating system in one line."""
    name = platform.processor() or platform.machine()
    if os.path.isfile("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if "model name" in line]
        name = names[0] if names else name
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _read(
    judge: metrics.Judge, items: Sequence[Item], folder: str, config: InferenceConfig
) -> Iterator[clusterings.Image]:
    """Yields the images one after the other, since each takes much memory."""
    for item in tqdm(items, "clusterings", unit="image", disable=None):
        record = records.read_record(records.record_path(folder, item.name))
        yield clusterings.Image(judge.read_target(item), record, config)


def _kept(path: str, made_from: dict[str, Any], make: Callable[[], dict[str, Any]]) -> dict:
    """Returns the content of a JSON file, which is made unless it was made from the same."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    if os.path.isfile(path):
        content = structured.read_json(path)
        if content["made_from"] == made_from:
            return content
    content = {"made_from": made_from, "machine": machine(), **make()}
    files.write_json(path, content)
    return content
