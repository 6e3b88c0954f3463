"""Configuration of the networks: backbone, ASPP, normalisation (paper 5, algorithm.md 8 and 9)."""

import dataclasses
import itertools
import math

from official.modeling import hyperparams

from affinity_seg.configs.choices import OUTPUT_STRIDES
from affinity_seg.model_garden import backbone_configs, common_configs

PRESETS = {
    "resnet_50": ([3, 4, 6, 3], 64, 64),
    "resnet_101": ([3, 4, 23, 3], 64, 64),
    "small": ([1, 2, 2, 2], 16, 16),
}
"""Units of the four blocks, stem filters and width of each depth preset of `ResNetV1`."""


@dataclasses.dataclass
class ResNetV1(hyperparams.Config):
    """ResNet v1 with the striding of TF-Slim and the paper; see `modeling/resnet_v1.py`.

    Attributes:
      preset: A key of `PRESETS`; the three fields after it change single numbers of it.
      units: Units of the four blocks, or None for the preset's.
      stem_filters: Filters of the 7x7 convolution, or None for the preset's.
      width: Filters of the 3x3 convolutions of block 1, doubled in each further block; a unit
        puts out four times as many. None for the preset's.
      output_stride: Input pixels per output pixel, one of `OUTPUT_STRIDES`.
      multi_grid: Factor of the dilation rate of each unit of the last block; the first ones
        are used if that block has fewer units.
    """

    preset: str = "resnet_101"
    units: list[int] | None = None
    stem_filters: int | None = None
    width: int | None = None
    output_stride: int = 16
    multi_grid: list[int] = dataclasses.field(default_factory=lambda: [1, 2, 4])

    def check(self) -> None:
        """Raises ValueError if a field breaks a rule."""
        if self.preset not in PRESETS:
            raise ValueError(f"`preset` must be one of {sorted(PRESETS)}: {self.preset!r}")
        units, stem_filters, width = self.dimensions()
        if len(units) != 4 or min(units) < 1:
            raise ValueError(f"`units` must be four positive numbers: {units}")
        if stem_filters < 1:
            raise ValueError(f"`stem_filters` must be positive: {stem_filters}")
        if width < 1:
            raise ValueError(f"`width` must be positive: {width}")
        if len(self.multi_grid) < units[3] or min(self.multi_grid) < 1:
            raise ValueError(
                f"`multi_grid` must give a positive factor for each of the last block's "
                f"{units[3]} units: {self.multi_grid}"
            )

    def dimensions(self) -> tuple[list[int], int, int]:
        """Returns (units, stem_filters, width) with the preset's values where a field is None."""
        units, stem_filters, width = PRESETS[self.preset]
        return (
            list(units if self.units is None else self.units),
            stem_filters if self.stem_filters is None else self.stem_filters,
            width if self.width is None else self.width,
        )


@dataclasses.dataclass
class Backbone(hyperparams.OneOfConfig):
    """Which backbone: ours or Model Garden's dilated ResNet.

    Each field is the configuration of the backbone that is registered under its name. It has an
    `output_stride`; its method `check`, if any, raises ValueError if a field breaks a rule.
    """

    type: str = "resnet_v1"
    resnet_v1: ResNetV1 = dataclasses.field(default_factory=ResNetV1)
    dilated_resnet: backbone_configs.DilatedResNet = dataclasses.field(
        default_factory=lambda: backbone_configs.DilatedResNet(model_id=101, multigrid=[1, 2, 4])
    )


@dataclasses.dataclass
class Aspp(hyperparams.Config):
    """Atrous spatial pyramid pooling.

    Attributes:
      rates: Dilation rates at output stride 16; at another stride s they are used times 16 / s.
      filters: Channels of each branch and of the fusion.
      dropout_rate: Dropout after the fusion.
    """

    rates: list[int] = dataclasses.field(default_factory=lambda: [6, 12, 18])
    filters: int = 256
    dropout_rate: float = 0.0

    def scaled_rates(self, output_stride: int) -> list[int]:
        """Returns the dilation rates in pixels of the map at `output_stride`."""
        return [max(1, rate * 16 // output_stride) for rate in self.rates]


@dataclasses.dataclass
class Fusion(hyperparams.Config):
    """Early features of the backbone that sharpen the ASPP's output; none in the paper.

    Attributes:
      levels: log2 of the strides of these features, from coarse to fine; empty for none.
        The logits have the stride of the last. With `resnet_v1`: 1 is the stem's output, a higher
        level the last features of that stride.
      filters: Channels after each level's 3x3 convolutions.
      low_level_filters: Channels that early features are reduced to.
      num_convs: 3x3 convolutions of each level.
    """

    levels: list[int] = dataclasses.field(default_factory=list)
    filters: list[int] = dataclasses.field(default_factory=list)
    low_level_filters: int = 32
    num_convs: int = 2

    def check(self, level: int) -> None:
        """Raises ValueError if a field breaks a rule; `level` is that of the backbone's end."""
        steps = [level, *self.levels]
        if min(steps) < 1 or any(a <= b for a, b in itertools.pairwise(steps)):
            raise ValueError(
                f"`fusion.levels` must decrease from less than {level}, the backbone's last "
                f"level, to at least 1: {self.levels}"
            )
        if len(self.filters) != len(self.levels) or min(self.filters, default=1) < 1:
            raise ValueError(
                f"`fusion.filters` must give each of {len(self.levels)} levels a positive number: "
                f"{self.filters}"
            )
        if self.low_level_filters < 1 or self.num_convs < 1:
            raise ValueError(
                "`fusion.low_level_filters` and `fusion.num_convs` must be positive: "
                f"{self.low_level_filters}, {self.num_convs}"
            )


@dataclasses.dataclass
class Network(hyperparams.Config):
    """One network, from image to logits.

    Attributes:
      backbone: The backbone; its configuration holds the stride of its last features.
      aspp: The pyramid pooling on top of it.
      fusion: Early features that sharpen the ASPP's output.
      norm_activation: Activation and BatchNorm settings of all layers.
      num_channels: Channels of the images: 3 for RGB and grey, or as many as `--channels` chooses.
      pixel_mean: Of each channel, 0..255, subtracted from the image (TF-Slim's VGG mean of RGB).
      pixel_scale: The image is divided by this after the mean is subtracted.
      contrast_percentiles: Two percentiles of an image's values that become 0 and 255 before all
        else (zoom, regions, crops); what is beyond them is clipped; empty for none. For pictures
        whose brightness says nothing, such as those of fluorescence microscopes. The percentiles
        are those of all channels of RGB together, and of each channel if there are others.
      contrast_floor: Least difference of the two percentiles, in values of the image, 0..255, that
        is stretched to the full range. A smaller one is stretched as if it were this large, so
        that a picture of next to nothing stays dark.
    """

    backbone: Backbone = dataclasses.field(default_factory=Backbone)
    aspp: Aspp = dataclasses.field(default_factory=Aspp)
    fusion: Fusion = dataclasses.field(default_factory=Fusion)
    norm_activation: common_configs.NormActivation = dataclasses.field(
        default_factory=lambda: common_configs.NormActivation(
            activation="relu", use_sync_bn=False, norm_momentum=0.9997, norm_epsilon=1e-5
        )
    )
    num_channels: int = 3
    pixel_mean: list[float] = dataclasses.field(default_factory=lambda: [123.68, 116.779, 103.939])
    pixel_scale: float = 1.0
    contrast_percentiles: list[float] = dataclasses.field(default_factory=list)
    contrast_floor: float = 1.0

    @property
    def backbone_level(self) -> int:
        """log2 of the stride of the backbone's last features."""
        return int(math.log2(self.backbone.get().output_stride))

    @property
    def output_stride(self) -> int:
        """Input pixels per logit."""
        return 2 ** (self.fusion.levels[-1] if self.fusion.levels else self.backbone_level)

    def check(self) -> None:
        """Raises ValueError if a field breaks a rule."""
        known = [field.name for field in dataclasses.fields(Backbone) if field.name != "type"]
        if self.backbone.type not in known:
            raise ValueError(f"`backbone.type` must be one of {known}: {self.backbone.type!r}")
        backbone = self.backbone.get()
        stride = backbone.output_stride
        if stride not in OUTPUT_STRIDES:
            raise ValueError(f"`output_stride` must be one of {OUTPUT_STRIDES}: {stride}")
        self.fusion.check(self.backbone_level)
        if hasattr(backbone, "check"):  # Model Garden's have none.
            backbone.check()
        if not self.aspp.rates or min(self.aspp.rates) < 1:
            raise ValueError(f"`aspp.rates` must be positive numbers: {self.aspp.rates}")
        if self.aspp.filters < 1:
            raise ValueError(f"`aspp.filters` must be positive: {self.aspp.filters}")
        if self.num_channels < 2:
            raise ValueError(
                f"`num_channels` must be at least 2, and 3 for grey images: {self.num_channels}"
            )
        if len(self.pixel_mean) != self.num_channels:
            raise ValueError(
                f"`pixel_mean` must have an entry for each channel, {self.num_channels}, such as "
                f"127.5: {self.pixel_mean}"
            )
        # Asked this way, NaN breaks the rule as well.
        if not self.pixel_scale > 0:
            raise ValueError(f"`pixel_scale` must be positive: {self.pixel_scale}")
        percentiles = self.contrast_percentiles
        if percentiles and not (
            len(percentiles) == 2 and 0 <= percentiles[0] < percentiles[1] <= 100
        ):
            raise ValueError(
                "`contrast_percentiles` must be empty or two increasing numbers in [0, 100]: "
                f"{percentiles}"
            )
        if not 1 <= self.contrast_floor <= 255:
            raise ValueError(f"`contrast_floor` must be in [1, 255]: {self.contrast_floor}")
