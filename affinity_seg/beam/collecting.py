"""Outputs of all images together: average precision, COCO files, the list of rejected inputs."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

from affinity_seg import files, rejected_inputs
from affinity_seg.beam.elements import Image
from affinity_seg.beam.running import ends_pipeline
from affinity_seg.evaluation import metrics
from affinity_seg.export import coco
from affinity_seg.export.reading import read_image_result
from affinity_seg.labels import ClassTable
from affinity_seg.rejected_inputs import RejectedInput, RejectedInputs

SCORES_FILE = "scores.json"
COCO_FOLDER = "coco"


def match_image(
    image: Image, rejected: RejectedInputs, results_dir: str, class_table: ClassTable
) -> Iterator[tuple[str, Any]]:
    """Yields an image's name with its matches by the metric of the class table."""
    path = image.item.truth_path or image.item.image_path
    with rejected.listed(image.item.name, path), image.with_truth_file() as item:
        yield item.name, metrics.match_image(item, results_dir, class_table)


def average_precision(
    judged: Iterable[tuple[str, Any]], class_table: ClassTable
) -> dict[str, Any] | None:
    """Returns what `metrics.main_scores` does, None without images.

    Args:
      judged: The pairs that `match_image` yields, in any order.
      class_table: The classes.
    """
    of_images = dict(sorted(judged))
    return metrics.scores_of(of_images, class_table) if of_images else None


def describe_image(
    image: Image,
    rejected: RejectedInputs,
    results_dir: str,
    class_table: ClassTable,
    with_truth: bool,
) -> Iterator[tuple[str, Any]]:
    """Yields an image's name with what COCO files say of image, truth and result."""
    name, path = image.item.name, image.item.image_path
    with rejected.listed(name, path), image.with_truth_file() as item:
        size = image.height, image.width
        result = read_image_result(item, size, results_dir, class_table)
        yield name, coco.describe_image(result, class_table, with_truth)


@ends_pipeline()
def write_scores(
    judged: Iterable[tuple[str, Any]], output_dir: str, class_table: ClassTable
) -> None:
    """Writes AP from the matches of `match_image`; without any, removes an earlier run's file."""
    path = os.path.join(output_dir, SCORES_FILE)
    scores = average_precision(judged, class_table)
    if scores:
        files.write_json(path, metrics.for_json(scores))
    else:
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)


@ends_pipeline()
def write_coco(
    described: Iterable[tuple[str, Any]], output_dir: str, suffix: str, class_table: ClassTable
) -> None:
    """Writes what `affinity_seg report` does of what `describe_image` yields."""
    dataset, predicted = (
        os.path.join(output_dir, COCO_FOLDER, f"instances{suffix}{kind}.json")
        for kind in ("", "_results")
    )
    in_order = [one for _, one in sorted(described, key=lambda pair: pair[0])]
    coco.write_described(in_order, class_table, dataset, predicted)


@ends_pipeline()
def write_rejected(rejected: Iterable[RejectedInput], output_dir: str) -> None:
    """Writes the list of what could not be used, sorted, each input once; none if it is empty."""
    first = {entry.name: entry for entry in sorted(rejected, reverse=True)}
    rejected_inputs.write(output_dir, reversed(first.values()))
