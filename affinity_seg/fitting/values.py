"""The values of a plan: the name and the type of each choice."""

import dataclasses

from affinity_seg import fields
from affinity_seg.analysis import candidates

DECODERS = {
    2: {"levels": [3, 2, 1], "filters": [64, 48, 32]},
    4: {"levels": [3, 2], "filters": [64, 48]},
    8: {"levels": [3], "filters": [64]},
    16: {"levels": [], "filters": []},
}
"""`fusion` of the network by the stride of its logits, `decoder_stride`."""


@dataclasses.dataclass(frozen=True)
class Values:
    """The value of every choice, in the order of the file.

    Rules that the experiment or the preset has are repeated here only where their messages would
    not name the choice. What each choice means is in docs/fit.md.
    """

    class_table: str
    channels: int = fields.checked(low=1)
    seed: int = fields.checked(low=0, high=2**32 - 1)
    tuning_images: int = fields.checked(low=0)
    tuning_parts: tuple[str, ...] = fields.checked(choices=candidates.PARTS)
    judging_images: int = fields.checked(low=0)
    regions: bool
    object_size: float | None
    min_zoom: float
    max_zoom: float
    scales: tuple[float, ...]
    contrast_percentiles: tuple[float, ...]
    contrast_floor: float
    random_turn: bool
    photometric: float
    microscope: float
    crop_size: int = fields.checked(low=32, high=2048)
    object_crops: float
    decoder_stride: int = fields.checked(choices=tuple(DECODERS))
    aspp_rates: tuple[int, ...]
    distances: tuple[int, ...]
    foreground_share: float
    class_weights: tuple[float, ...]
    affinity_weight: float
    other_instance_pair_weight: float
    merge_window: int
    stages: tuple[int, ...]
    thresholds: tuple[float, ...]
    min_pixels: int
    start_from: str | None
    keep_start: bool
    replayed_share: float = fields.checked(low=0.0, high=0.9)
    backbone: str | None
    learning_rate: float = fields.checked(low=0.0, high=1.0)
    train_steps: int = fields.checked(low=1)

    def __post_init__(self):
        """Checks the fields.

        Raises:
          TypeError: A value has the wrong type.
          ValueError: A value breaks its rule.
        """
        fields.check(self)
        if self.replayed_share and self.start_from is None:
            raise ValueError(
                f"`replayed_share` must be 0 without `start_from`: {self.replayed_share}"
            )
        if self.keep_start and self.start_from is None:
            raise ValueError("`keep_start` must be false without `start_from`: true")
        if len(self.scales) != 2 or not 0 < self.scales[0] <= self.scales[1]:
            raise ValueError(
                f"`scales` must be the least and the largest, above 0: {list(self.scales)}"
            )


NAMES = tuple(field.name for field in dataclasses.fields(Values))
"""All choices of a plan, in the order of its file."""

OF_THE_TRAINING = NAMES[NAMES.index("object_size") : NAMES.index("merge_window")] + (
    "channels",
    "seed",
    "backbone",
    "keep_start",
    "replayed_share",
    "learning_rate",
)
"""Choices that change what a network learns, beside its records, its start and its steps."""
