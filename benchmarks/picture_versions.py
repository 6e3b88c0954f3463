"""Scores of several versions of the same labelled pictures: what the benchmarks of them share."""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from affinity_seg import cli, files, tool_flags
from affinity_seg.data import layouts
from benchmarks import runs


def define_flags(values: cli.Flags, output_dir: str) -> None:
    """Defines the flags of a program that calls `judge`."""
    tool_flags.define_data_flags(values, layouts.LABELLED_LAYOUTS, "folder")
    tool_flags.define_model_flags(values, "nuclei")
    values.string("output_dir", output_dir, "Folder of results.json.")
    values.integer("images", 20, "Number of pictures, the first by name.", 1)


def judge(
    values: cli.Flags, versions: Callable[[np.ndarray], Mapping[str, Callable[[], np.ndarray]]]
) -> None:
    """Segments all versions of each picture, prints their scores and writes results.json.

    The score is that of the Data Science Bowl (docs/evaluation.md). It is counted in the pixels of
    the picture, to which the instances of a version of another size are brought. The seconds are
    medians over the pictures.

    Args:
      values: Those of `define_flags`.
      versions: Returns for a picture, uint8 RGB [H, W, 3], functions that return its versions,
        uint8 RGB, by name.
    """
    import cv2
    from tqdm import tqdm

    from affinity_seg.data import pictures, windows
    from affinity_seg.evaluation import dsb, truth
    from affinity_seg.pipeline import large, prediction_runs

    items = tool_flags.list_labelled_images(values)[: values.images]
    network_dirs = tool_flags.model(values).network_dirs
    segmenter = prediction_runs.load_segmenter(tool_flags.config(values), *network_dirs)
    class_table = segmenter.class_table
    judged: dict[str, dict[str, np.ndarray]] = {}
    seconds: dict[str, list[float]] = {}
    for item in tqdm(items, unit="image", disable=None):
        image = pictures.read(item.image_path, turned=False, choice=item.choice)
        target = truth.read_truth(item, class_table, image.shape[:2])
        for name, version in versions(image).items():
            picture = windows.WindowedPicture(version())
            start = time.perf_counter()
            found = large.find(segmenter, picture).instances.whole()
            seconds.setdefault(name, []).append(time.perf_counter() - start)
            height, width = image.shape[:2]
            ids = cv2.resize(found.instance_ids, (width, height), interpolation=cv2.INTER_NEAREST)
            masks = [ids == number for number in range(1, ids.max() + 1)]
            judged.setdefault(name, {})[item.name] = dsb.score_image(target, masks)
    rows: list[dict[str, Any]] = []
    for name, scores in judged.items():
        found = dsb.scores_of(scores, class_table)
        per_iou = {f"dsb_{t}": found["score_per_iou"][t] for t in ("0.50", "0.70", "0.90")}
        timed = {"mean": found["mean_score"], "seconds": float(np.median(seconds[name]))}
        rows.append({"picture": name, **per_iou, **timed})
    runs.print_table(f"scores of {len(items)} pictures", rows)
    path = os.path.join(values.output_dir, "results.json")
    files.write_json(path, rows)
    print(f"\nwritten: {path}")
