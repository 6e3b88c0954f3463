"""Which instances leave a program: by score and by class, the same flags everywhere."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from absl import flags

from affinity_seg.evaluation.results import Prediction
from affinity_seg.instances import Instances, select_instances
from affinity_seg.labels import ClassTable
from affinity_seg.ops import Candidates


class InstanceFilter(NamedTuple):
    """What an instance must be to be kept; by default everything is.

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

    def select_predictions(
        self, predictions: Sequence[Prediction], class_table: ClassTable
    ) -> list[Prediction]:
        """Returns the predictions that are kept, in their order."""
        return [p for p in predictions if self._keeps(p.class_index, p.score, class_table)]

    def select_candidates(self, candidates: Candidates, class_table: ClassTable) -> Candidates:
        """Returns the candidates, NumPy arrays, that are kept."""
        kept = self._kept(candidates, class_table)
        return Candidates(*(values[kept] for values in candidates))

    def select_instances(self, instances: Instances, class_table: ClassTable) -> Instances:
        """Returns the instances that are kept, numbered anew."""
        return select_instances(instances, self._kept(instances, class_table))

    def _kept(self, listed: Instances | Candidates, class_table: ClassTable) -> np.ndarray:
        kept = [
            self._keeps(class_index, score, class_table)
            for class_index, score in zip(listed.classes, listed.scores, strict=True)
        ]
        return np.array(kept, bool)

    def _keeps(self, class_index: int, score: float, class_table: ClassTable) -> bool:
        is_sure = self.min_score is None or np.float32(score) >= np.float32(self.min_score)
        is_wanted = self.classes is None or class_table.class_names[class_index] in self.classes
        return bool(is_sure and is_wanted)


KEEP_ALL = InstanceFilter()


def define_flags() -> None:
    """Defines --min_score and --classes for the program that calls it."""
    flags.disclaim_key_flags()  # --help of the program lists them.
    flags.DEFINE_float("min_score", None, "Keep only instances with at least this score.")
    flags.DEFINE_list("classes", None, "Keep only these classes: names, comma-separated.")


def from_flags() -> InstanceFilter:
    """Returns the filter of the flags; its classes are in alphabetical order."""
    classes = flags.FLAGS.classes
    return InstanceFilter(
        min_score=flags.FLAGS.min_score,
        classes=None if classes is None else tuple(sorted(set(classes))),
    )
