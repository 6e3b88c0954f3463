"""The options of the graph merge: each one's default, rule and meaning (paper 3.3 to 5.3)."""

import dataclasses
import itertools

from affinity_seg import fields, labels, neighbors

MAX_INT32 = 2**31 - 1

MERGE_WINDOWS = (1, 2, 4)
"""Values of `merge_window`; each divides those after it."""

_MERGE_ONLY = {"merge_only": True}
"""Metadata of fields that predictions do not depend on, so that a merge may change them."""

_DECIMALS = 6
"""The op's attributes are float32; it reads them to this many decimals."""


@dataclasses.dataclass(frozen=True)
class MergeSettings:
    """The options of the graph merge that are the same for every data set and network.

    Attributes:
      groups: Super-class of each class, 0 for the background (paper 4.5). None: the class table's;
        where there is no table, `labels.default_groups`.
      merge_window: 1, 2 or 4: side of the windows of the forced local merge, pixels (4.4).
      stages: How many of the distances each stage adds (3.4).
      thresholds: Least edge that each stage merges, never increasing (3.4); read to six decimals.
      refine: Pixel affinity refinement by the semantics (4.2).
      alpha: Steepness of the refinement (4.2); read to six decimals.
      linkage: "average": the mean of all edges between two clusters; "weighted": the mean of means,
        as Algorithm 1 is written.
      min_pixels: Instances have more pixels than this, counted at the resolution that is merged
        (3.4): after the zoom. Where `zoom` is "auto", objects have one size after the zoom, and
        this is a size relative to `object_size`.
    """

    groups: tuple[int, ...] | None = fields.checked(None, low=0, high=labels.VOID_CLASS - 1)
    merge_window: int = fields.checked(2, choices=MERGE_WINDOWS)
    stages: tuple[int, ...] = fields.checked(neighbors.STAGES, **_MERGE_ONLY)
    thresholds: tuple[float, ...] = fields.checked(
        (0.97, 0.7, 0.3), low=1e-6, high=1.0, **_MERGE_ONLY
    )
    refine: bool = fields.checked(True, **_MERGE_ONLY)
    alpha: float = fields.checked(5.0, low=1e-6, high=1e6, **_MERGE_ONLY)
    linkage: str = fields.checked("average", choices=("average", "weighted"), **_MERGE_ONLY)
    min_pixels: int = fields.checked(1024, low=0, high=MAX_INT32, **_MERGE_ONLY)

    def __post_init__(self):
        """Checks the fields.

        Raises:
          TypeError: A field has the wrong type.
          ValueError: A field breaks a rule.
        """
        fields.check(self)
        if self.groups is not None:
            if len(self.groups) < 2:
                raise ValueError(f"`groups` must have at least 2 entries: {self.groups}")
            labels.check_groups(self.groups, len(self.groups))
        if min(self.stages, default=0) < 1:
            raise ValueError(f"`stages` must have positive entries: {self.stages}")
        if len(self.thresholds) != len(self.stages):
            raise ValueError(
                f"`thresholds` must have one entry per stage, {len(self.stages)}: {self.thresholds}"
            )
        if any(b > a for a, b in itertools.pairwise(self.thresholds)):
            raise ValueError(f"`thresholds` must never increase: {self.thresholds}")


@dataclasses.dataclass(frozen=True)
class MergeOptions(MergeSettings):
    """All options of the graph merge.

    Attributes:
      distances: Distances of the affinity channels, pixels, strictly increasing; those above
        `merge_window` are multiples of it (3.3).
      refine_classes: Class indices of the semantic class refinement (5.3).
    """

    distances: tuple[int, ...] = fields.checked(neighbors.DISTANCES, low=1, high=2**20)
    refine_classes: tuple[int, ...] = fields.checked((), low=1, high=labels.VOID_CLASS - 1)

    def __post_init__(self):
        """Checks the fields; errors as in `MergeSettings`."""
        super().__post_init__()
        if not self.distances:
            raise ValueError("`distances` must not be empty: ()")
        if any(b <= a for a, b in itertools.pairwise(self.distances)):
            raise ValueError(f"`distances` must be strictly increasing: {self.distances}")
        window = self.merge_window
        if any(distance > window and distance % window for distance in self.distances):
            raise ValueError(
                f"`distances` above `merge_window` must be multiples of it, {window}: "
                f"{self.distances}"
            )
        if sum(self.stages) != len(self.distances):
            raise ValueError(
                f"`stages` must add up to the {len(self.distances)} distances, {self.distances}: "
                f"{self.stages}"
            )

    def for_classes(self, num_classes: int | None) -> "MergeOptions":
        """Returns the options as a merge of K classes uses them.

        Args:
          num_classes: K; None if it is unknown, while a graph is built.

        Returns:
          The options with `groups` filled in, and `alpha` and `thresholds` rounded to six decimals.

        Raises:
          ValueError: `groups` or `refine_classes` do not fit the number of classes.
        """
        groups = self.groups
        if groups is None:
            if num_classes is None:
                raise ValueError(
                    "`groups` must be given where the number of classes is unknown: None"
                )
            groups = labels.default_groups(num_classes)
        labels.check_groups(groups, num_classes or len(groups))
        if max(self.refine_classes, default=1) >= len(groups):
            raise ValueError(
                f"`refine_classes` must be in [1, {len(groups) - 1}]: {self.refine_classes}"
            )
        return dataclasses.replace(
            self,
            groups=groups,
            alpha=round(self.alpha, _DECIMALS),
            thresholds=tuple(round(threshold, _DECIMALS) for threshold in self.thresholds),
        )
