"""Errors of predicted instances by kind, and the confusion matrix of their classes.

Both are computed from the matching at IoU >= 0.5 (`matching.match`), without instances that do not
count. A true instance is found if its match has its class. Every other true instance, and every
prediction without a match, is part of an error of one of these kinds:

    wrong class     a matched pair of different classes
    merged          a prediction that holds more than half of the pixels of each of two or more true
                    instances; it may be matched with one of them
    split           an unmatched true instance, in no merged error, of which at least two
                    unmatched predictions hold together more than half of the pixels; each holds at
                    least a tenth that none of higher score holds, and lies on it with more
                    than half of its own pixels
    poor mask       an unmatched true instance, in no error above, whose best IoU with an
                    unmatched prediction is at least 0.1 (and below 0.5)
    missed          every other unmatched true instance
    false positive  an unmatched prediction that is in no error above; duplicates are among them
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from affinity_seg.data.items import Item
from affinity_seg.evaluation import matching, truth
from affinity_seg.evaluation.matching import Matching
from affinity_seg.evaluation.reading import read_judged
from affinity_seg.evaluation.results import Prediction
from affinity_seg.labels import ClassTable

WRONG_CLASS, MERGED, SPLIT = "wrong class", "merged", "split"
POOR_MASK, MISSED, FALSE_POSITIVE = "poor mask", "missed", "false positive"
KINDS = (MISSED, MERGED, SPLIT, POOR_MASK, WRONG_CLASS, FALSE_POSITIVE)

POOR_IOU = 0.1
"""Least IoU of an unmatched prediction for the error `poor mask`."""

MIN_PIECE = 0.1
"""Share of a true instance that a piece of a split must hold."""


class InstanceError(NamedTuple):
    """One error.

    Attributes:
      kind: One of `KINDS`.
      true: Indices of its true instances, from 0.
      predicted: Indices of its predictions, from 0.
      iou: The best IoU among them; for `missed` and `false positive` the best with any instance.
      pixels: Size of its true instances, for a merged one without the one that is matched with the
        prediction; of the prediction for a false positive.
    """

    kind: str
    true: tuple[int, ...]
    predicted: tuple[int, ...]
    iou: float
    pixels: int


class ImageErrors(NamedTuple):
    """Matches and errors of one image.

    Attributes:
      name: Key of the image.
      num_true: True instances that are counted.
      num_predicted: Predictions that are counted.
      votes: int64 [K, K], matched instances by true class (row) and predicted class. Column 0:
        true instances without match; row 0: predictions without match.
      errors: The errors, largest first.
      pixels: Pixels of the image.
    """

    name: str
    num_true: int
    num_predicted: int
    votes: np.ndarray
    errors: list[InstanceError]
    pixels: int

    @property
    def share(self) -> float:
        """Pixels in errors as a share of the image; an instance in two errors counts twice."""
        return sum(error.pixels for error in self.errors) / self.pixels


def judge_folder(
    items: Sequence[Item], results_dir: str, class_table: ClassTable, min_pixels: int
) -> list[ImageErrors]:
    """Finds the errors in a folder of results.

    Args:
      items: Images with truth and result.
      results_dir: Folder of the results.
      class_table: The classes.
      min_pixels: True instances below this size are not counted.

    Raises:
      FileNotFoundError: Images without result (all are listed), a missing mask or truth.
      ValueError: A result breaks the format.
    """
    return [
        match_image(item.name, target, predictions, class_table, min_pixels)
        for item, target, predictions in read_judged(items, results_dir, class_table)
    ]


def match_image(
    name: str,
    target: truth.Truth,
    predictions: Sequence[Prediction],
    class_table: ClassTable,
    min_pixels: int = 1,
) -> ImageErrors:
    """Finds the errors in one image.

    Args:
      name: Key of the image.
      target: The truth.
      predictions: The predictions.
      class_table: The classes.
      min_pixels: True instances below this size are not counted.
    """
    matched = matching.match(target, predictions, min_pixels)
    predicted_classes = np.array([p.class_index for p in predictions], int)
    votes = np.zeros((class_table.num_classes,) * 2, np.int64)
    for true in np.flatnonzero(matched.true_counts):
        found = matched.match_of_true[true]
        votes[target.instance_classes[true], predicted_classes[found] if found >= 0 else 0] += 1
    unmatched = matched.predicted_counts & (matched.match_of_predicted < 0)
    np.add.at(votes[0], predicted_classes[unmatched], 1)
    found = find_errors(matched, target, predictions)
    return ImageErrors(
        name=name,
        num_true=int(np.count_nonzero(matched.true_counts)),
        num_predicted=int(np.count_nonzero(matched.predicted_counts)),
        votes=votes,
        errors=sorted(found, key=lambda error: -error.pixels),
        pixels=target.classes.size,
    )


def find_errors(
    matched: Matching, target: truth.Truth, predictions: Sequence[Prediction]
) -> list[InstanceError]:
    """Returns the errors of one image, kind by kind as defined at the top of this file."""
    errors: list[InstanceError] = []
    free_true = matched.true_counts & (matched.match_of_true < 0)
    free_predicted = matched.predicted_counts & (matched.match_of_predicted < 0)
    unexplained = free_predicted.copy()

    def add(kind: str, true: list[int], predicted: list[int]) -> None:
        iou = matched.iou[predicted or slice(None)][:, true or slice(None)]
        lost = [i for i in true if kind != MERGED or matched.match_of_true[i] not in predicted]
        pixels = matched.true_pixels[lost] if true else matched.predicted_pixels[predicted]
        errors.append(
            InstanceError(
                kind, tuple(true), tuple(predicted), float(iou.max(initial=0)), int(pixels.sum())
            )
        )
        free_true[true] = False
        unexplained[predicted] = False

    for true, found in enumerate(matched.match_of_true.tolist()):
        if found >= 0 and target.instance_classes[true] != predictions[found].class_index:
            add(WRONG_CLASS, [true], [found])
    holds = (2 * matched.intersections > matched.true_pixels) & matched.true_counts
    for index in np.flatnonzero(matched.predicted_counts & (holds.sum(axis=1) > 1)).tolist():
        add(MERGED, np.flatnonzero(holds[index]).tolist(), [index])
    for true in np.flatnonzero(free_true).tolist():
        pieces = _pieces(true, free_predicted, matched, target, predictions)
        if pieces:
            add(SPLIT, [true], pieces)
    for true in np.flatnonzero(free_true).tolist():
        iou = np.where(free_predicted, matched.iou[:, true], 0)
        if iou.max(initial=0) >= POOR_IOU:
            add(POOR_MASK, [true], [int(iou.argmax())])
        else:
            add(MISSED, [true], [])
    for index in np.flatnonzero(unexplained).tolist():
        add(FALSE_POSITIVE, [], [index])
    return errors


def summary(judged: Sequence[ImageErrors], class_table: ClassTable) -> dict[str, Any]:
    """Returns the sums over images, for JSON and `tables`.

    Returns:
      `num_true`, `num_predicted` and `num_found` (instances), `kinds` (errors of each kind) and
      `votes`, the rows of `ImageErrors.votes` by true class, each by predicted class; index 0 is
      "nothing there" as a row and "missed" as a column.
    """
    votes = sum((image.votes for image in judged), np.zeros((class_table.num_classes,) * 2, int))
    names = class_table.class_names[1:]
    kinds = [error.kind for image in judged for error in image.errors]
    return {
        "num_true": sum(image.num_true for image in judged),
        "num_predicted": sum(image.num_predicted for image in judged),
        "num_found": int(np.trace(votes)),
        "kinds": {kind: kinds.count(kind) for kind in KINDS},
        "votes": {
            true: dict(zip((*names, "missed"), [*row[1:], row[0]], strict=True))
            for true, row in zip(
                (*names, "nothing there"), [*votes[1:].tolist(), votes[0].tolist()], strict=True
            )
        },
    }


def _pieces(
    true: int,
    free: np.ndarray,
    matched: Matching,
    target: truth.Truth,
    predictions: Sequence[Prediction],
) -> list[int]:
    """Returns the predictions, bool [P] in `free`, that a true instance is split into, if so."""
    inside = matched.intersections[:, true]
    left = target.instance_ids == true + 1
    total = matched.true_pixels[true]
    pieces = []
    candidates = np.flatnonzero(free & (2 * inside > matched.predicted_pixels)).tolist()
    for index in sorted(candidates, key=lambda i: -predictions[i].score):
        mask = predictions[index].mask
        if np.count_nonzero(left & mask) >= MIN_PIECE * total:
            pieces.append(index)
            left &= ~mask
    is_split = len(pieces) > 1 and 2 * np.count_nonzero(left) < total
    return pieces if is_split else []
