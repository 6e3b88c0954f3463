"""The pipeline: images -> networks -> merge -> results -> AP and COCO files."""

import json
import os
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.ml.inference.base import RunInference
from apache_beam.options.pipeline_options import PipelineOptions

from affinity_seg import labels
from affinity_seg.beam import collecting, running, sources
from affinity_seg.beam.finishing import Finish
from affinity_seg.beam.handlers import SegmentationHandler
from affinity_seg.beam.missing import FindMissing
from affinity_seg.beam.runs import DONE, RESULTS, Run
from affinity_seg.beam.sources import LETTERS, ReadSources, with_letters
from affinity_seg.export.coco import have_truth


class Settings(NamedTuple):
    """What a pipeline does beside the results.

    Attributes:
      input: Folder of the data set, or a pattern, see `sources.list_sources`.
      layout: One of `listing.SOURCE_LAYOUTS`.
      split: Part of the data set, for layout `cityscapes`.
      evaluate: Whether the truth is read for AP.
      coco: Whether COCO files are written.
      strict: Whether the first input that cannot be used ends the pipeline.
      threads: TensorFlow's threads in each process; 0: as many as cores.
    """

    input: str
    layout: str
    split: str = ""
    evaluate: bool = False
    coco: bool = False
    strict: bool = False
    threads: int = 0


class Summary(NamedTuple):
    """What a pipeline did.

    Attributes:
      predicted: Images that the networks ran on.
      merged: Images whose result was written.
      done_before: Images whose result was there.
      scores: What `judge.main_scores` returns, if it was wanted.
    """

    predicted: int
    merged: int
    done_before: int
    scores: dict[str, Any] | None


def segment(run: Run, settings: Settings, options: PipelineOptions) -> Summary:
    """Runs the pipeline and waits for it.

    Args:
      run: What segments, and where the outputs are.
      settings: What else there is to do.
      options: Beam's, among them the runner.

    Raises:
      FileNotFoundError: There is no image or no network.
      ValueError: The folder holds outputs of another run, or an argument breaks its rule; with
        `settings.strict`, an input cannot be used.
    """
    listed = sources.list_sources(settings.input, settings.layout, settings.split)
    run.outputs()  # Refuses a folder of another run, before there are any workers.
    class_table = run.class_table()
    with_truth = settings.layout == sources.TFRECORDS
    if not with_truth and (settings.evaluate or settings.coco):
        with_truth = have_truth([source.item for source in listed])
    if settings.evaluate and not with_truth:
        raise ValueError(f"`evaluate` needs the truth of the images: {settings.input}")
    result = running.run(
        lambda pipeline: _build(pipeline, listed, run, settings, class_table, with_truth), options
    )
    counts = running.counters(result)
    return Summary(
        **{name: counts.get(name, 0) for name in ("predicted", "merged", "done_before")},
        scores=_read_scores(run.output_dir) if settings.evaluate else None,
    )


def _build(
    pipeline: beam.Pipeline,
    listed: list,
    run: Run,
    settings: Settings,
    class_table: labels.ClassTable,
    with_truth: bool,
) -> None:
    """Adds all steps to a pipeline."""
    strict = settings.strict
    images, unreadable = pipeline | "Read" >> ReadSources(listed, strict)
    found = images | "FindMissing" >> beam.ParDo(FindMissing(run, strict)).with_outputs(
        LETTERS, DONE, main="missing"
    )
    predicted = found.missing | "Networks" >> RunInference(
        SegmentationHandler(run, strict, settings.threads)
    )
    finished = predicted | "Finish" >> with_letters(Finish(run, strict))
    letters = [unreadable, found[LETTERS], finished[LETTERS]]
    # A step that fails from here on does not repeat the networks.
    done = (
        (found[DONE], finished.main) | "Done" >> beam.Flatten() | "SpreadDone" >> beam.Reshuffle()
    )
    results_dir = os.path.join(run.output_dir, RESULTS)
    if settings.evaluate:
        judged = done | "Judge" >> with_letters(
            collecting.JudgeImages(results_dir, class_table, strict)
        )
        letters.append(judged[LETTERS])
        scores = judged.main | "AP" >> beam.CombineGlobally(
            collecting.AveragePrecision(class_table)
        )
        _ = scores | "WriteScores" >> beam.Map(collecting.write_scores, run.output_dir)
    if settings.coco:
        described = done | "Describe" >> with_letters(
            collecting.DescribeImages(results_dir, class_table, with_truth, strict)
        )
        letters.append(described[LETTERS])
        suffix = f"_{settings.split}" if settings.layout == "cityscapes" else ""
        all_described = described.main | "AllDescribed" >> beam.combiners.ToList()
        _ = all_described | "WriteCoco" >> beam.Map(
            collecting.write_coco, run.output_dir, suffix, class_table
        )
    all_letters = letters | "Letters" >> beam.Flatten() | beam.combiners.ToList()
    _ = all_letters | "WriteLetters" >> beam.Map(collecting.write_letters, run.output_dir)


def _read_scores(output_dir: str) -> dict[str, Any] | None:
    """Returns what the pipeline wrote, None if there was no image to judge."""
    path = os.path.join(output_dir, collecting.SCORES_FILE)
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        return json.load(file)
