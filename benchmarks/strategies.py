"""Our method with and without each strategy of the paper (4, 5.3), scored on labelled images."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from tqdm import tqdm

from affinity_seg import neighbors
from affinity_seg.analysis import candidates
from affinity_seg.configs import inference
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data.items import Item
from affinity_seg.evaluation import metrics, result_writing
from affinity_seg.labels import ClassTable
from affinity_seg.merge_options import MergeSettings
from affinity_seg.pipeline import merge_runs, records
from affinity_seg.pipeline.merging import class_candidates
from benchmarks import clusterings


class Strategy(NamedTuple):
    """A preset to compare with that of a model.

    Attributes:
      name: What is different.
      config: The preset.
    """

    name: str
    config: InferenceConfig


def strategies(
    preset: InferenceConfig, class_table: ClassTable, distances: Sequence[int]
) -> tuple[list[Strategy], list[str]]:
    """Returns the presets to compare, that of the model first, and lines for what does not apply.

    Args:
      preset: That of the model.
      class_table: The classes.
      distances: Those of the affinities, pixels.
    """
    count, paper = len(distances), MergeSettings().thresholds
    changes: dict[str, dict[str, Any]] = {
        ("without" if preset.refine else "with") + " refinement": {"refine": not preset.refine}
    }
    for window in sorted(candidates.windows(distances)):
        changes[f"merge window {window}"] = {"merge_window": window}
    for level in sorted({0.5, preset.thresholds[-1]}):
        changes[f"one stage, at {level:g}"] = {"stages": (count,), "thresholds": (level,)}
    if sum(neighbors.STAGES) == count:
        stages = {"stages": neighbors.STAGES, "thresholds": paper}
        changes[f"three stages, the paper's {list(paper)}"] = stages
    for semantic, affinity in ((False, False), (True, False), (False, True), (True, True)):
        flips = {"semantic_flip": semantic, "affinity_flip": affinity}
        changes[f"flips: {candidates.shown('flips', inference.change(preset, flips))}"] = flips
    skipped = []
    if max(preset.class_groups(class_table)) > 1:
        word = "without" if preset.partition else "with"
        changes[f"{word} class partition"] = {"partition": not preset.partition}
    else:
        skipped.append("not run: class partition, for all classes are of one super-class")
    if preset.refine_classes:
        changes["without class refinement"] = {"refine_classes": ()}
    if preset.zoom != "none":
        # The same size in the image, where one zoom is that of all regions.
        zoom = preset.max_zoom if preset.min_zoom == preset.max_zoom else 1.0
        smallest = round(preset.min_pixels / zoom**2)
        changes["without zoom"] = {"zoom": "none", "min_pixels": smallest}
    found = [Strategy("the model's preset", preset)]
    for name, values in changes.items():
        config = inference.change(preset, values)
        if config != preset:
            found.append(Strategy(name, config))
    return found, skipped


def recorded_with(config: InferenceConfig, distances: Sequence[int]) -> InferenceConfig:
    """Returns the preset for records that can be merged with any flips and merge window."""
    window = max(candidates.windows(distances))
    return inference.change(
        config, {"semantic_flip": True, "affinity_flip": True, "merge_window": window}
    )


def compare(
    tried: Sequence[Strategy],
    record_dirs: Sequence[str],
    judge: metrics.Judge,
    items: Sequence[Item],
) -> list[dict[str, Any]]:
    """Scores presets.

    Args:
      tried: The presets.
      record_dirs: Folder of the records for each.
      judge: The judge.
      items: Images with truth.

    Returns:
      A row for each preset: name, scores and the mean seconds of the merge of an image.
    """
    matched: list[dict[str, Any]] = [{} for _ in tried]
    seconds = [0.0] * len(tried)
    for item in tqdm(items, "strategies", unit="image", disable=None):
        target = judge.read_target(item)
        read = {
            folder: records.read_record(records.record_path(folder, item.name))
            for folder in set(record_dirs)
        }
        for index, (one, folder) in enumerate(zip(tried, record_dirs, strict=True)):
            start = time.perf_counter()
            instances = merge_runs.merge_record(read[folder], one.config)
            seconds[index] += (time.perf_counter() - start) / len(items)
            listed = class_candidates(instances, one.config)
            predictions = result_writing.predictions_of(instances, listed)
            matched[index][item.name] = judge.match(target, predictions)
    return [
        {"name": one.name, **clusterings.main_numbers(judge.scores(by_image)), "seconds": spent}
        for one, by_image, spent in zip(tried, matched, seconds, strict=True)
    ]
