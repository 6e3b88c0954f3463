"""Gathers the content of a run's report, which `report_page` writes as a page."""

import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from affinity_seg.data import listing, pictures, plane_choice
from affinity_seg.data.items import Item
from affinity_seg.data.plane_choice import PlaneChoice
from affinity_seg.evaluation import errors as errors_lib
from affinity_seg.evaluation import metrics, result_reading, results
from affinity_seg.evaluation.errors import ImageErrors, InstanceError
from affinity_seg.evaluation.truth import Truth, read_truth
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline import confusion, fingerprint, outputs, records
from affinity_seg.pipeline.errors import errors_named
from affinity_seg.visualization import curves, failures, report_pictures

FAILURES_PER_KIND = 8
"""Close-ups of each kind of error."""


class ErrorLine(NamedTuple):
    """One error in the report's lists.

    Attributes:
      kind: One of `errors.KINDS`.
      true: Names of the true classes.
      predicted: Names of the predicted classes.
      iou: Best IoU of its instances.
      pixels: Its size.
      center: (x, y) in the image, pixels.
    """

    kind: str
    true: tuple[str, ...]
    predicted: tuple[str, ...]
    iou: float
    pixels: int
    center: tuple[int, int]


class Failure(NamedTuple):
    """An error in close-up: name of its image, the error, and a JPEG."""

    name: str
    error: ErrorLine
    picture: bytes


class GalleryImage(NamedTuple):
    """One image of the gallery.

    Attributes:
      name: Key of the image.
      panels: JPEG by caption.
      judged: Its errors, None without truth.
      errors: Its errors as lines for the page, largest first.
    """

    name: str
    panels: dict[str, bytes]
    judged: ImageErrors | None
    errors: list[ErrorLine]


class Report(NamedTuple):
    """Everything on the page.

    Attributes:
      results_dir: Folder of the results.
      predictions_dir: Folder of the records.
      data_dir: Folder of the data set.
      split: Part of the data set, empty if the layout has no splits.
      num_images: Images of the split.
      class_table: The classes.
      settings: Settings and networks of predictions and results, by field; empty if not recorded.
      scores: Result of `metrics.evaluate`; None without ground truth, as are the next three.
      error_sums: Result of `errors.summary`.
      semantic: Result of `semantic.summary`.
      plot: Precision-recall curves, uint8 RGB [H, W, 3].
      failures: The largest errors of each kind; empty without truth.
      gallery: Images, worst first by `ImageErrors.share`; by name without truth.
    """

    results_dir: str
    predictions_dir: str
    data_dir: str
    split: str
    num_images: int
    class_table: ClassTable
    settings: dict[str, Any]
    scores: dict[str, Any] | None
    error_sums: dict[str, Any] | None
    semantic: dict[str, Any] | None
    plot: np.ndarray | None
    failures: dict[str, list[Failure]]
    gallery: list[GalleryImage]


def gather(
    data_dir: str,
    data_layout: str,
    split: str,
    class_table: ClassTable,
    *,
    predictions_dir: str,
    results_dir: str,
    max_images: int | None = None,
    choice: PlaneChoice = plane_choice.ALL,
) -> Report:
    """Evaluates a run and draws its pictures.

    A split without any true instance, such as the test split of Cityscapes, is treated as one
    without ground truth.

    Args:
      data_dir: Folder of the data set.
      data_layout: One of `layouts.LAYOUTS`.
      split: Part of the data set, for layout `cityscapes`.
      class_table: The classes.
      predictions_dir: Folder of the prediction records.
      results_dir: Folder of the results.
      max_images: Largest number of images in the gallery, None for all.

    Raises:
      FileNotFoundError: A folder, a record, a result or a mask is missing, or the truth of some
        images but not of all.
      ValueError: A file is damaged, or files do not belong together.
    """
    items = listing.list_images(data_dir, data_layout, split, choice=choice)
    if any(item.has_truth for item in items):
        items = listing.list_labelled_images(data_dir, data_layout, split, choice=choice)
    return gather_items(
        items,
        class_table,
        data_dir=data_dir,
        split=split if data_layout == "cityscapes" else "",
        predictions_dir=predictions_dir,
        results_dir=results_dir,
        max_images=max_images,
    )


def gather_items(
    items: Sequence[Item],
    class_table: ClassTable,
    *,
    data_dir: str,
    split: str,
    predictions_dir: str,
    results_dir: str,
    max_images: int | None = None,
    scores: dict[str, Any] | None = None,
) -> Report:
    """Does what `gather` does for images that were listed, all with truth or none.

    `data_dir` and `split` are only shown. `scores` is what `metrics.evaluate` returned, if the
    images were evaluated already.
    """
    results.check_all_done(results_dir, [item.name for item in items])
    judged = _judge(items, results_dir, class_table)
    sums = pixels = plot = None
    if judged:
        scores = scores or metrics.evaluate(items, results_dir, class_table)
        sums = scores["errors"]
        pixels = confusion.evaluate(items, predictions_dir, class_table)
        plot = curves.draw_precision_recall(metrics.coco_scores(scores)["precision_recall"])
    shown = sorted(items, key=lambda i: -judged[i.name].share if judged else 0)[:max_images]
    return Report(
        results_dir=results_dir,
        predictions_dir=predictions_dir,
        data_dir=data_dir,
        split=split,
        num_images=len(items),
        class_table=class_table,
        settings=_settings(predictions_dir, results_dir),
        scores=scores if judged else None,
        error_sums=sums,
        semantic=pixels,
        plot=plot,
        failures=_failures(items, judged, results_dir, class_table) if judged else {},
        gallery=[
            _gallery_image(item, judged.get(item.name), predictions_dir, results_dir, class_table)
            for item in tqdm(shown, desc="draw", unit="image", disable=None)
        ],
    )


def _judge(
    items: Sequence[Item], results_dir: str, class_table: ClassTable
) -> dict[str, ImageErrors]:
    """Returns the errors by image; nothing without truth."""
    if not items[0].has_truth:
        return {}
    judged = metrics.find_errors(items, results_dir, class_table)
    return {image.name: image for image in judged} if any(i.num_true for i in judged) else {}


def _settings(predictions_dir: str, results_dir: str) -> dict[str, Any]:
    """Returns the fingerprints of both folders as one; fields of both have the same value."""
    settings = {}
    for folder in (predictions_dir, results_dir):
        path = os.path.join(folder, fingerprint.FILE_NAME)
        if os.path.exists(path):
            settings.update(fingerprint.read(path))
    return settings


def _failures(
    items: Sequence[Item],
    judged: dict[str, ImageErrors],
    results_dir: str,
    class_table: ClassTable,
) -> dict[str, list[Failure]]:
    """Draws the largest errors of each kind."""
    chosen = []
    for kind in errors_lib.KINDS:
        found = [(i.name, e) for i in judged.values() for e in i.errors if e.kind == kind]
        chosen += sorted(found, key=lambda pair: -pair[1].pixels)[:FAILURES_PER_KIND]
    drawn: dict[tuple[str, InstanceError], Failure] = {}
    for item in items:
        wanted = [error for name, error in chosen if name == item.name]
        if not wanted:
            continue
        image = pictures.read(item.image_path, turned=item.is_turned, choice=item.choice)
        target = read_truth(item, class_table, image.shape[:2])
        predictions = result_reading.read_result(
            results_dir, item.name, class_table, image.shape[:2]
        )
        for error in wanted:
            picture = failures.draw_failure(pictures.as_rgb(image), target, predictions, error)
            line = _error_line(error, target, predictions, class_table)
            drawn[item.name, error] = Failure(item.name, line, report_pictures.to_jpeg(picture))
    by_kind: dict[str, list[Failure]] = {kind: [] for kind in errors_lib.KINDS}
    for pair in chosen:
        by_kind[pair[1].kind].append(drawn[pair])
    return by_kind


def _gallery_image(
    item: Item,
    judged: ImageErrors | None,
    predictions_dir: str,
    results_dir: str,
    class_table: ClassTable,
) -> GalleryImage:
    found = outputs.read_outputs(item, predictions_dir, results_dir, class_table)
    if judged is None:
        found = found._replace(truth=None)
    with errors_named(records.record_path(predictions_dir, item.name)):
        panels = report_pictures.draw_panels(found, class_table)
    return GalleryImage(
        name=item.name,
        panels={caption: report_pictures.to_jpeg(panel) for caption, panel in panels.items()},
        judged=judged,
        errors=[
            _error_line(error, found.truth, found.instances, class_table)
            for error in (judged.errors if judged else [])
        ],
    )


def _error_line(
    error: InstanceError,
    target: Truth,
    predictions: Sequence[results.Prediction],
    class_table: ClassTable,
) -> ErrorLine:
    masks = [target.instance_ids == index + 1 for index in error.true]
    masks += [predictions[index].mask for index in error.predicted]
    return ErrorLine(
        kind=error.kind,
        true=_names((target.instance_classes[i] for i in error.true), class_table),
        predicted=_names((predictions[i].class_index for i in error.predicted), class_table),
        iou=error.iou,
        pixels=error.pixels,
        center=failures.center(np.any(masks, axis=0)),
    )


def _names(classes: Iterable[int], class_table: ClassTable) -> tuple[str, ...]:
    return tuple(class_table.class_names[index] for index in classes)
