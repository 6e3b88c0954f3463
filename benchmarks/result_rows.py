"""What runs have stored in their folders, as rows of the evidence page's tables."""

import glob
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import tensorflow as tf

from affinity_seg import labels, model_folder, structured
from affinity_seg.data.items import Item
from affinity_seg.evaluation import metrics, results
from affinity_seg.model_folder import ModelFolder
from benchmarks import clusterings, result_page

STREETS = "streets/val"
"""Name of the demo's data set in model.yaml."""

_JOINT, _TWO = "joint", "two"
"""What networks a model has."""


class Run(NamedTuple):
    """A run that the page shows.

    Attributes:
      name: What it is called.
      folder: Its folder, or the name of a shipped model.
    """

    name: str
    folder: str


SecondsOf = Callable[[Run, ModelFolder], float | None]


def pair_wins(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Returns a line that says where two networks are better than the first joint one.

    No line if there are not both.
    """
    joint = [row for row in rows if row["networks"] == _JOINT]
    two = [row for row in rows if row["networks"] == _TWO]
    return [result_page.wins(joint[:1], two, joint[0]["name"])] if joint and two else []


def parse_run(text: str) -> Run:
    """Returns the run of "name=folder".

    Raises:
      ValueError: The text is something else.
    """
    name, equals, folder = text.rpartition("=")
    if not (equals and name and folder):
        raise ValueError(f"a run must be 'name=folder': {text!r}")
    return Run(name, folder)


def read_model(run: Run) -> ModelFolder | None:
    """Returns the model of a run, None if there is none yet."""
    try:
        return model_folder.read(run.folder)
    except FileNotFoundError:
        return None


def scored(run: Run, data: str) -> tuple[ModelFolder | None, str]:
    """Returns the model of a run with scores on a data set, or None and the line that says why."""
    model = read_model(run)
    if model is None:
        return None, f"not run: {run.name}: no model in {run.folder}"
    if data not in model.scores:
        return None, f"not run: {run.name}: no scores of {data} in {run.folder}"
    return model, ""


def demo_rows(runs: Sequence[Run], seconds_of: SecondsOf) -> tuple[list[dict[str, Any]], list[str]]:
    """Returns the scores of runs on streets, and a line for each run that is not there.

    Args:
      runs: The runs.
      seconds_of: Returns the seconds for an image.
    """

    def of_run(run: Run, model: ModelFolder) -> dict[str, Any]:
        scores, summary = model.scores[STREETS], _read_json(model.path, "summary.json")
        spent = summary.get("seconds")
        return {
            "name": run.name,
            "networks": _networks(model),
            **{name: scores[name] for name in ("ap", "ap50")},
            "baseline_ap": summary.get("baseline_ap"),
            "baseline_ap50": summary.get("baseline_ap50"),
            "train_seconds": training_seconds(model.network_dirs),
            "all_seconds": sum(spent.values()) if spent else None,
            "seconds": seconds_of(run, model),
        }

    return _rows(runs, STREETS, of_run)


def _rows(
    runs: Sequence[Run], data: str, of_run: Callable[[Run, ModelFolder], dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Returns a row for each run with scores on a data set, and a line for each other run."""
    found = [(run, *scored(run, data)) for run in runs]
    rows = [of_run(run, model) for run, model, _ in found if model is not None]
    return rows, [why for _, model, why in found if model is None]


def class_rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Returns a row for each class: AP of each run on streets that has stored its results."""
    rows: dict[str, dict[str, Any]] = {}
    names = []
    for run in runs:
        model, _ = scored(run, STREETS)
        classes = _read_json(model.path, "results.json").get("classes", {}) if model else {}
        if classes:
            names.append(run.name)
        for name, scores in classes.items():
            rows.setdefault(name, {"name": name})[run.name] = scores["ap"]
    return [{"name": row["name"], **{n: row.get(n) for n in names}} for row in rows.values()]


def nuclei_rows(
    runs: Sequence[Run], data: str, seconds_of: SecondsOf
) -> tuple[list[dict[str, Any]], list[str]]:
    """Returns the scores of runs on nuclei, and a line for each run that is not there.

    Args:
      runs: The runs.
      data: Name of the data set in model.yaml.
      seconds_of: Returns the seconds for an image.
    """

    def of_run(run: Run, model: ModelFolder) -> dict[str, Any]:
        scores = model.scores[data]
        return {
            "name": run.name,
            "networks": _networks(model),
            **{key: scores[key] for key in ("dsb_0.50", "dsb_0.70", "dsb_0.90")},
            "dsb_mean": scores.get("dsb_mean"),
            "ap": scores["ap"],
            "ap50": scores["ap50"],
            "train_seconds": training_seconds(model.network_dirs),
            "seconds": seconds_of(run, model),
        }

    return _rows(runs, data, of_run)


def stardist_row(
    folder: str, items: Sequence[Item], class_table: labels.ClassTable
) -> tuple[dict[str, Any] | None, str]:
    """Scores StarDist's label maps by our judge; or returns None and the line that says why.

    Args:
      folder: That of benchmarks/stardist.
      items: Images with truth, those of the label maps.
      class_table: The classes of the truth.

    Raises:
      FileNotFoundError: A label map is missing.
    """
    trained, predicted = (_read_json(folder, name) for name in ("train.json", "predict.json"))
    if not (trained and predicted):
        return None, f"not run: StarDist: no train.json and predict.json in {folder}"
    judge = metrics.Judge(class_table, "dsb")
    matched = {}
    for item in items:
        path = os.path.join(folder, "labels", item.name + ".png")
        ids = cv2.imread(path, cv2.IMREAD_UNCHANGED)
        if ids is None:
            raise FileNotFoundError(f"no label map of image {item.name!r}: {path}")
        found = [results.Prediction(ids == i, 1, 1.0) for i in np.unique(ids[ids > 0])]
        matched[item.name] = judge.match(judge.read_target(item), found)
    versions = trained["versions"]
    row = {
        "name": f"StarDist {versions['stardist']} (TensorFlow {versions['tensorflow']})",
        "networks": "U-Net",
        **clusterings.main_numbers(judge.scores(matched)),
        "train_seconds": trained["train_seconds"],
        "seconds": predicted["seconds_per_image"],
    }
    return row, ""


def training_seconds(network_dirs: Sequence[str]) -> float | None:
    """Returns how long networks trained, by the first and last entry of each summary file.

    None if there are no summaries, as in the folder of a shipped model.
    """
    total = 0.0
    paths = {
        path
        for folder in network_dirs
        for path in glob.glob(os.path.join(folder, "train", "events.out.tfevents.*"))
    }
    for path in paths:
        times = [
            tf.compat.v1.Event.FromString(entry).wall_time
            for entry in tf.data.TFRecordDataset(path).as_numpy_iterator()
        ]
        total += max(times) - min(times)
    return total if paths else None


def _networks(model: ModelFolder) -> str:
    """Returns what networks a model has, in words."""
    return _JOINT if len(set(model.network_dirs)) == 1 else _TWO


def _read_json(folder: str, name: str) -> dict[str, Any]:
    """Returns the content of a JSON file, {} if there is none."""
    path = os.path.join(folder, name)
    return structured.read_json(path) if os.path.isfile(path) else {}
