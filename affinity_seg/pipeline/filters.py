"""Filters instances by score and by class."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from affinity_seg.evaluation.results import Prediction
from affinity_seg.labels import ClassTable
from affinity_seg.ops import Candidates


class InstanceFilter(NamedTuple):
    """Rules for the instances that are kept; by default all are kept.

    Attributes:
      min_score: Smallest score, compared as float32, in which results hold their scores; None: any.
      classes: Names of the classes; None: all.
    """

    min_score: float | None = None
    classes: tuple[str, ...] | None = None

    def check(self, class_table: ClassTable) -> None:
        """Raises ValueError unless the score is finite and the classes are foreground classes."""
        if self.min_score is not None and not math.isfinite(self.min_score):
            raise ValueError(f"`--min_score` must be a finite number: {self.min_score}")
        if self.classes is None:
            return
        known = class_table.class_names[1:]
        unknown = [name for name in self.classes if name not in known]
        if unknown or not self.classes:
            raise ValueError(
                f"`--classes` must be foreground classes of class table {class_table.name!r}, "
                f"among {known}: {', '.join(map(repr, unknown)) or 'none is given'}"
            )

    def at_least(self, min_score: float | None) -> "InstanceFilter":
        """Returns the filter that also leaves out the instances with a lower score than this."""
        given = [score for score in (self.min_score, min_score) if score is not None]
        return self._replace(min_score=max(given, default=None))

    def keeps(self, classes: Any, scores: Any, class_table: ClassTable) -> tf.Tensor:
        """Returns which of the listed classes and scores are kept, bool [N]; also in a graph."""
        kept = tf.ones_like(classes, tf.bool)
        if self.min_score is not None:
            kept &= tf.cast(scores, tf.float32) >= np.float32(self.min_score)
        if self.classes is not None:
            wanted = tf.constant([name in self.classes for name in class_table.class_names])
            kept &= tf.gather(wanted, classes)
        return kept

    def select_predictions(
        self, predictions: Sequence[Prediction], class_table: ClassTable
    ) -> list[Prediction]:
        """Returns the predictions that are kept, in their order."""
        classes = np.array([p.class_index for p in predictions], np.int32)
        kept = self.keeps(classes, np.array([p.score for p in predictions]), class_table)
        return list(itertools.compress(predictions, kept.numpy()))

    def select_candidates(self, candidates: Candidates, class_table: ClassTable) -> Candidates:
        """Returns the candidates, NumPy arrays, that are kept."""
        kept = self.keeps(candidates.classes, candidates.scores, class_table).numpy()
        return Candidates(*(values[kept] for values in candidates))


KEEP_ALL = InstanceFilter()
