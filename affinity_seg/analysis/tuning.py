"""Chooses the fields of a preset on labelled images, from prediction records."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from affinity_seg.analysis import candidates
from affinity_seg.analysis.preset_scores import PresetScores, changes
from affinity_seg.configs import inference
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data.items import Item
from affinity_seg.evaluation import metrics, tables, truth
from affinity_seg.labels import ClassTable
from affinity_seg.model_folder import ModelFolder
from affinity_seg.modeling import network_folder
from affinity_seg.pipeline import folders, prediction_runs

FILE = "tune.json"
"""File of the scores in the output folder."""

SAME = 0.001
"""Scores that differ by at most this count as equal."""


class Row(NamedTuple):
    """A preset that was tried.

    Attributes:
      round: Round of the search, from 1; 0 for the preset that it begins with.
      part: The part of the preset that differs from the best one before, see `candidates`.
      value: Its value, as text.
      score: The score, 0..1.
      change: The score less that of the best preset before.
      chosen: Whether the search goes on with it.
    """

    round: int
    part: str
    value: str
    score: float
    change: float
    chosen: bool


class Tuned(NamedTuple):
    """Result of a search.

    Attributes:
      metric: One of `configs.choices.METRICS`.
      rows: What was tried, in this order.
      config: The preset that was chosen.
      score: Its score, 0..1.
    """

    metric: str
    rows: list[Row]
    config: InferenceConfig
    score: float


def tune(
    items: Sequence[Item],
    model: ModelFolder,
    start: InferenceConfig,
    *,
    parts: Sequence[str] = candidates.PARTS,
    zooms: Sequence[float] = (),
    metric: str | None = None,
    max_rounds: int = 3,
    output_dir: str,
) -> Tuned:
    """Searches the best preset, one part of it after the other; started again, it continues.

    The networks run on each image once for each zoom, with its mirror image if flips are tuned.
    Everything else is tried by merging these predictions again. A round goes through the parts in
    the order of `candidates.PARTS` and takes the best value of each. It tries all values or, for
    `candidates.LINES`, goes from the current value in both directions until the score falls. The
    search ends with a round that changes nothing.

    The regions of interest are those of the predictions. A preset with fewer flips or another
    `merge_window` might find slightly different ones.

    Args:
      items: Images with truth.
      model: The networks.
      start: The preset that the search begins with.
      parts: Some of `candidates.PARTS`.
      zooms: Zooms to try beside that of `start`, see `candidates.with_zoom`.
      metric: One of `configs.choices.METRICS`, None: see `metrics.Judge`.
      max_rounds: Largest number of rounds.
      output_dir: Folder for the predictions and `FILE`.

    Raises:
      FileNotFoundError: A network is missing.
      ValueError: An argument breaks a rule, no image has an object, or the networks do not fit.
    """
    class_table = network_folder.read_class_table(model.semantic_dir)
    judge = metrics.Judge(class_table, metric)
    _check_objects(items, class_table)
    distances = network_folder.read_distances(model.affinity_dir)
    setting = candidates.Setting(start, distances, tuple(zooms))
    recorded = {
        candidates.zoom_of(config): _predicted_with(config, parts, distances)
        for config in (
            candidates.with_zoom(start, zoom) for zoom in (candidates.zoom_of(start), *zooms)
        )
    }
    record_dirs = {
        zoom: folders.records_dir(output_dir, config, model.network_dirs)
        for zoom, config in recorded.items()
    }
    configs = {record_dirs[zoom]: config for zoom, config in recorded.items()}
    prediction_runs.predict_variants(items, configs, *model.network_dirs)
    scores = PresetScores(items, judge, start, record_dirs, os.path.join(output_dir, FILE))
    order = [candidates.ZOOM] * bool(zooms) + [part for part in candidates.PARTS if part in parts]
    rows, chosen = _search(setting, order, max_rounds, scores)
    tuned = Tuned(judge.name, rows, chosen, *scores.of([chosen]))
    scores.write(
        {
            "score": tuned.score,
            "changes": changes(chosen, start),
            "rows": [row._asdict() for row in rows],
        }
    )
    return tuned


def markdown(tuned: Tuned) -> str:
    """Returns the table in Markdown: a row for each value that was tried."""
    rows = [
        (
            str(row.round),
            row.part,
            row.value,
            f"{row.score:.4f}",
            f"{row.change:+.4f}" if row.round else "",
            "chosen" if row.chosen else "",
        )
        for row in tuned.rows
    ]
    return tables.markdown(("round", "part", "value", tuned.metric, "change", ""), rows)


def _predicted_with(
    config: InferenceConfig, parts: Sequence[str], distances: Sequence[int]
) -> InferenceConfig:
    """Returns the preset for predictions that can be merged with every value of the parts."""
    wider: dict[str, Any] = {}
    if "flips" in parts:
        wider |= {"semantic_flip": True, "affinity_flip": True}
    if "merge_window" in parts:
        wider["merge_window"] = max(candidates.windows(distances))
    return inference.change(config, wider)


def _search(
    setting: candidates.Setting, parts: Sequence[str], max_rounds: int, scores: PresetScores
) -> tuple[list[Row], InferenceConfig]:
    """Returns what was tried, and the preset that was chosen."""
    current = setting.start
    (score,) = scores.of([current])
    rows = [Row(0, "preset", "", score, 0.0, False)]
    shown = {current}
    for number in range(1, max_rounds + 1):
        before = current
        for part in parts:
            tried = candidates.of(part, current, setting)
            if part in candidates.LINES:
                tried = _climb(tried, current, scores)
            found = scores.of(tried)
            chosen = next(c for c, s in zip(tried, found, strict=True) if s >= max(found) - SAME)
            for config, one in zip(tried, found, strict=True):
                if config not in shown:
                    value = candidates.shown(part, config)
                    rows.append(Row(number, part, value, one, one - score, config == chosen))
            shown.update(tried)
            current, score = chosen, found[tried.index(chosen)]
        if current == before:
            break
    return rows, current


def _climb(
    line: Sequence[InferenceConfig], current: InferenceConfig, scores: PresetScores
) -> list[InferenceConfig]:
    """Returns the presets from the current one in both directions until the score falls.

    The current one comes first.
    """
    at = line.index(current)
    scores.of(line[max(at - 1, 0) : at + 2])  # Both neighbours at once, which is quicker.
    tried = [current]
    for way in (line[at + 1 :], line[:at][::-1]):
        (last,) = scores.of([current])
        for config in way:
            tried.append(config)
            before, (last,) = last, scores.of([config])
            if last < before:
                break
    return tried


def _check_objects(items: Sequence[Item], class_table: ClassTable) -> None:
    """Raises ValueError if no image has an object."""
    if not any(len(truth.read_truth(item, class_table).instance_classes) for item in items):
        raise ValueError(
            f"`input` must have images with objects: the truth of {len(items)} images has none"
        )
