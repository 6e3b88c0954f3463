"""The pipeline: images -> networks -> merge -> results -> AP and COCO files."""

import functools
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.ml.inference.base import RunInference
from apache_beam.options.pipeline_options import PipelineOptions

from affinity_seg import structured
from affinity_seg.beam import collecting, running, sources
from affinity_seg.beam.elements import Image, Predicted, Source
from affinity_seg.beam.segmentation import Segmentation, SegmentationHandler
from affinity_seg.beam.steps import REJECTED, Step, StepSettings
from affinity_seg.export.coco import have_truth
from affinity_seg.pipeline.finishing import DONE, Finishing
from affinity_seg.rejected_inputs import RejectedInput, RejectedInputs


class Summary(NamedTuple):
    """What a pipeline did.

    Attributes:
      predicted: Images that the networks ran on.
      merged: Images whose result was written.
      done_before: Images whose result was there.
      scores: What `metrics.main_scores` returns, if it was wanted.
    """

    predicted: int
    merged: int
    done_before: int
    scores: dict[str, Any] | None


def segment(wanted: Segmentation, options: PipelineOptions) -> Summary:
    """Runs the pipeline and waits for it.

    Args:
      wanted: What there is to do.
      options: Beam's, of `running.parse_options`, among them the runner.

    Raises:
      FileNotFoundError: There is no image or no network.
      ValueError: The folder holds outputs of another run, or an argument breaks its rule; with
        `wanted.strict`, an input cannot be used.
    """
    listed = sources.list_sources(wanted.input, wanted.layout, wanted.split, wanted.choice)
    wanted.folders()  # Refuses a folder of another run, before there are any workers.
    with_truth = wanted.layout == sources.TFRECORDS
    if not with_truth and (wanted.evaluate or wanted.coco):
        with_truth = have_truth([source.item for source in listed])
    if wanted.evaluate and not with_truth:
        raise ValueError(f"`evaluate` needs the truth of the images: {wanted.input}")
    result = running.run(lambda pipeline: _build(pipeline, listed, wanted, with_truth), options)
    counts = running.counters(result)
    return Summary(
        **{name: counts.get(name, 0) for name in ("predicted", "merged", "done_before")},
        scores=_read_scores(wanted.output_dir) if wanted.evaluate else None,
    )


def _build(pipeline: beam.Pipeline, listed: list, wanted: Segmentation, with_truth: bool) -> None:
    """Adds all steps to a pipeline."""
    table, output_dir = wanted.class_table(), wanted.output_dir
    settings = StepSettings(wanted.strict, wanted.threads)
    images, unreadable = pipeline | "Read" >> sources.ReadSources(listed, settings)
    found = images | "Find" >> Step(find_missing, settings, wanted.folders).split(DONE)
    predicted = found.main | "Networks" >> RunInference(SegmentationHandler(wanted))
    finished = predicted | "Finish" >> Step(finish, settings, wanted.folders).split()
    rejected = [unreadable, found[REJECTED], finished[REJECTED]]
    # A step that fails from here on does not repeat the networks.
    done = (
        (found[DONE], finished.main) | "Done" >> beam.Flatten() | "SpreadDone" >> beam.Reshuffle()
    )
    of_results = {"results_dir": wanted.results_dir, "class_table": table}
    if wanted.evaluate:
        match = functools.partial(collecting.match_image, **of_results)
        judged = done | "Match" >> Step(match, settings).split()
        rejected.append(judged[REJECTED])
        all_judged = judged.main | "AllJudged" >> beam.combiners.ToList()
        _ = all_judged | "WriteScores" >> beam.Map(collecting.write_scores, output_dir, table)
    if wanted.coco:
        describe = functools.partial(collecting.describe_image, **of_results, with_truth=with_truth)
        described = done | "Describe" >> Step(describe, settings).split()
        rejected.append(described[REJECTED])
        suffix = f"_{wanted.split}" if wanted.layout == "cityscapes" else ""
        all_described = described.main | "AllDescribed" >> beam.combiners.ToList()
        _ = all_described | "WriteCoco" >> beam.Map(
            collecting.write_coco, output_dir, suffix, table
        )
    all_rejected = rejected | "Rejected" >> beam.Flatten() | beam.combiners.ToList()
    _ = all_rejected | "WriteRejected" >> beam.Map(collecting.write_rejected, output_dir)


def find_missing(source: Source, rejected: RejectedInputs, folders: Finishing) -> Iterator[Any]:
    """Yields an `Image` for the networks, or a `Predicted` where only the record is there.

    Where all is there, it yields the `Image` without its content, tagged `DONE`. The other two stay
    together: a Flatten behind the networks would end Beam's fusion, and all logits would be encoded
    and kept.
    """
    item = source.item
    with rejected.listed(item.name, item.image_path):
        item.check_names()
        image = source.open()
        found = folders.find(item, image.sha256)
        if found is None:
            yield image
        elif found == DONE:
            _count("done_before")
            yield beam.pvalue.TaggedOutput(DONE, image._replace(content=b""))
        else:
            yield Predicted(image._replace(content=b""), found, is_recorded=True)


def finish(
    predicted: Predicted | RejectedInput, rejected: RejectedInputs, folders: Finishing
) -> Iterator[Image | RejectedInput]:
    """Writes all that is missing of an image, and yields it.

    Beam fuses this step with the networks, so that their logits are never encoded. If it is
    repeated, the same bytes are written again.
    """
    if isinstance(predicted, RejectedInput):
        yield predicted
        return
    folders.finish(predicted.made, predicted.is_recorded)
    if not predicted.is_recorded:
        _count("predicted")
    if predicted.image.item.name not in rejected:
        _count("merged")
        yield predicted.image


def _count(name: str) -> None:
    Metrics.counter(running.COUNTERS, name).inc()


def _read_scores(output_dir: str) -> dict[str, Any] | None:
    """Returns the scores that the pipeline wrote, None if there was no image to evaluate."""
    path = os.path.join(output_dir, collecting.SCORES_FILE)
    return structured.read_json(path) if os.path.isfile(path) else None
