"""What is made of all images together: average precision, COCO files, the list of dead letters."""

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from affinity_seg import dead_letters, files
from affinity_seg.beam.elements import Done, Letter, LetterBox
from affinity_seg.beam.sources import LETTERS
from affinity_seg.evaluation import judge
from affinity_seg.export import coco
from affinity_seg.export.reading import read_image_result
from affinity_seg.labels import ClassTable

SCORES_FILE = "scores.json"
COCO_FOLDER = "coco"


class JudgeImages(beam.DoFn):
    """Lets the judge of the class table match results with their truth."""

    def __init__(self, results_dir: str, class_table: ClassTable, strict: bool):
        self._results_dir = results_dir
        self._class_table = class_table
        self._strict = strict

    def process(self, done: Done) -> Iterator[Any]:
        """Yields an image's name with what the judge says of it; tagged, a `Letter`."""
        box = LetterBox(self._strict)
        name, path = done.source.item.name, done.source.item.instance_path
        with box.listed(name, path or done.source.item.image_path), done.with_truth_file() as item:
            yield name, judge.judge_image(item, self._results_dir, self._class_table)
        for letter in box.take():
            yield beam.pvalue.TaggedOutput(LETTERS, letter)


class AveragePrecision(beam.CombineFn):
    """From what the judge says of each image to what it says of all.

    AP needs the scores of all predictions, so that an accumulator is the list of its images. The
    order in which they come does not matter.
    """

    def __init__(self, class_table: ClassTable):
        super().__init__()
        self._class_table = class_table

    def create_accumulator(self) -> list[tuple[str, Any]]:
        """Returns one without images."""
        return []

    def add_input(self, accumulator: list, judged: tuple[str, Any]) -> list[tuple[str, Any]]:
        """Adds an image."""
        accumulator.append(judged)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[list]) -> list[tuple[str, Any]]:
        """Returns the images of all."""
        return list(itertools.chain.from_iterable(accumulators))

    def extract_output(self, accumulator: list[tuple[str, Any]]) -> dict[str, Any] | None:
        """Returns what `judge.main_scores` does, None without images."""
        return (
            judge.scores_of(dict(sorted(accumulator)), self._class_table) if accumulator else None
        )


class DescribeImages(beam.DoFn):
    """Describes images, truth and results as COCO does."""

    def __init__(self, results_dir: str, class_table: ClassTable, with_truth: bool, strict: bool):
        self._results_dir = results_dir
        self._class_table = class_table
        self._with_truth = with_truth
        self._strict = strict

    def process(self, done: Done) -> Iterator[Any]:
        """Yields an image's name with its description; tagged, a `Letter`."""
        box = LetterBox(self._strict)
        name = done.source.item.name
        with (
            box.listed(name, done.source.item.image_path),
            done.with_truth_file() as item,
        ):
            size = done.height, done.width
            result = read_image_result(item, size, self._results_dir, self._class_table)
            yield name, coco.describe_image(result, self._class_table, self._with_truth)
        for letter in box.take():
            yield beam.pvalue.TaggedOutput(LETTERS, letter)


def write_scores(scores: dict[str, Any] | None, output_dir: str) -> None:
    """Writes AP; removes that of an earlier run if there is none now."""
    _write_or_remove(
        os.path.join(output_dir, SCORES_FILE), judge.for_json(scores) if scores else None
    )


def write_coco(
    described: Iterable[tuple[str, Any]], output_dir: str, suffix: str, class_table: ClassTable
) -> None:
    """Writes what tools/export_results.py does."""
    dataset, predicted = (
        os.path.join(output_dir, COCO_FOLDER, f"instances{suffix}{kind}.json")
        for kind in ("", "_results")
    )
    in_order = [one for _, one in sorted(described, key=lambda pair: pair[0])]
    coco.write_described(in_order, class_table, dataset, predicted)


def write_letters(letters: Iterable[Letter], output_dir: str) -> None:
    """Writes the list of what could not be used, sorted, each input once; none if it is empty."""
    listed = {letter.name: letter._asdict() for letter in sorted(letters, reverse=True)}
    path = os.path.join(output_dir, dead_letters.FILE_NAME)
    _write_or_remove(path, list(listed.values())[::-1])


def _write_or_remove(path: str, content: Any) -> None:
    """Writes JSON that is not empty; else removes what an earlier run wrote."""
    if content:
        files.write_json(path, content)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)
