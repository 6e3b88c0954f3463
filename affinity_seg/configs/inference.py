"""Configuration of inference: every parameter of the method (paper 3.4, 4, 5.3).

A preset is a YAML file with some of the fields of `InferenceConfig`; the others keep
their defaults. Unknown fields and values of the wrong type are refused.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from affinity_seg import fields, labels, resources, structured
from affinity_seg.configs.choices import OUTPUT_STRIDES, PRECISIONS
from affinity_seg.merge_options import MergeOptions, MergeSettings
from affinity_seg.region_options import RegionOptions

LOGITS_DTYPES = ("float16", "float32")

AUTO_ZOOM = "auto"
ZOOMS = ("box_height", "none", AUTO_ZOOM)
"""How the zoom of a region is chosen, see `PredictionSettings`."""

TILE_GRID = max(OUTPUT_STRIDES)
"""Tiles begin at multiples of it, so that their logits fit together, pixels."""

MIN_TILE_SIDE = 512
"""Tiles are not cut shorter than this, pixels."""

DEFAULT_OVERLAP = 256
"""Default of `merge_overlap` where `object_size` is not given, zoomed pixels."""

_LARGEST_SIZE = 1.5
"""With `lowest_zoom`, larger objects than this times `object_size` need a zoom below `min_zoom`."""

_NOT_MEASURED = {"min_score", "merge_overlap"}
"""Fields of the merge on which the estimate of `zoom: auto` does not depend."""

_LOADED_WITH = {"loaded_with": True}
"""Metadata of fields that a network is loaded with."""


@dataclasses.dataclass(frozen=True)
class PredictionSettings(RegionOptions):
    """What the networks see of an image and how their outputs are kept.

    Regions of interest (paper 4.1, 4.3, 4.5), beside the fields of `RegionOptions`:

    Attributes:
      regions: Find regions of interest; otherwise the whole image is the one region.
      zoom: "box_height": each region is zoomed by `crop_size / box height`; "none": by 1; "auto":
        the whole image is zoomed so that its median object gets the diameter `object_size`, see
        `pipeline.zooming` (ours, not the paper's). Only without `regions`.
      crop_size: Height that "box_height" zooms regions to, and the least side of what the networks
        see: smaller crops are padded with zeros. Pixels.
      min_zoom: Least zoom of "box_height" and "auto"; of "auto" see `lowest_zoom`.
      max_zoom: Largest zoom of "box_height" and "auto".
      object_size: Diameter that "auto" zooms the median object to: the one that the networks were
        trained for. The diameter of an object is that of a disc of its area. Zoomed pixels.
      first_zoom: Zoom at which "auto" looks for objects to measure them. It looks at lower ones
        first, if `lowest_zoom` is given.
      lowest_zoom: "auto" goes below `min_zoom`, but never below this, where the median object would
        be larger than 1.5 times `object_size`, and gives it that size. What would be larger than
        `object_size` even at this zoom is no object. None: never. Without effect where `min_zoom`
        is `max_zoom`. The rules (`pipeline.zooming`) were chosen with the shipped model.

    Networks (paper 5.2, 5.3):
      bucket: Crops larger than `crop_size` are padded to it plus a multiple of this, so that they
        share shapes, and with them batches and the GPU's tuned kernels. 1: no such padding. Pixels.
      max_input_pixels: Larger inputs, images and crops alike, are cut into equal tiles. A batch
        has at most twice as many pixels: lower it where a GPU's memory is short.
      tile_overlap: How far tiles overlap; they are stitched in the middle of it. Pixels.
      precision: "float32", or "mixed_float16" or "mixed_bfloat16": half as wide inside the network.
      logits_dtype: "float16" or "float32": how logits are kept in the prediction records.
      semantic_stride: Output stride of the semantic network, None: as trained.
      affinity_stride: Output stride of the affinity network, None: as trained.
      semantic_flip: Average the semantics with those of the mirrored image.
      affinity_flip: Average the affinities with those of the mirrored image.
    """

    regions: bool = fields.checked(True)
    zoom: str = fields.checked("box_height", choices=ZOOMS)
    crop_size: int = fields.checked(513, low=1, high=8192)
    min_zoom: float = fields.checked(1.0, low=1 / 64, high=64.0)
    max_zoom: float = fields.checked(4.0, low=1 / 64, high=64.0)
    object_size: float | None = fields.checked(None, low=1.0, high=8192.0)
    first_zoom: float = fields.checked(1.5, low=1 / 64, high=64.0)
    lowest_zoom: float | None = fields.checked(None, low=1 / 64, high=64.0)
    bucket: int = fields.checked(64, low=1, high=8192)
    max_input_pixels: int = fields.checked(1024 * 2048, low=MIN_TILE_SIDE**2, high=8192**2)
    tile_overlap: int = fields.checked(256, low=0, high=MIN_TILE_SIDE // 2)
    precision: str = fields.checked("float32", choices=PRECISIONS, **_LOADED_WITH)
    logits_dtype: str = fields.checked("float16", choices=LOGITS_DTYPES)
    semantic_stride: int | None = fields.checked(None, choices=OUTPUT_STRIDES, **_LOADED_WITH)
    affinity_stride: int | None = fields.checked(None, choices=OUTPUT_STRIDES, **_LOADED_WITH)
    semantic_flip: bool = fields.checked(True)
    affinity_flip: bool = fields.checked(True)


@dataclasses.dataclass(frozen=True)
class InferenceConfig(MergeSettings, PredictionSettings):
    """How an image becomes instances. The defaults are the paper's, for Cityscapes.

    Beside the fields of `PredictionSettings` and of `MergeSettings`:

    Attributes:
      refine_classes: Names of the classes of the semantic class refinement (paper 5.3).
      vote_min_ratio: Least share of the winning class's votes that makes another class a further
        candidate of the mask, with that share of the score. None: one class each.
      min_score: Instances with a lower score are left out (ours, not the paper's). None: none is.
      merge_overlap: Pictures that `pipeline.large` merges in parts: how far each part sees beyond
        its core, which is the largest height and width of an object that surely is what it is in
        the whole picture. Zoomed pixels. None: five times `object_size`, or `DEFAULT_OVERLAP`
        without it.
    """

    refine_classes: tuple[str, ...] = fields.checked((), merge_only=True)
    vote_min_ratio: float | None = fields.checked(None, low=1e-6, high=1.0, merge_only=True)
    min_score: float | None = fields.checked(None, low=0.0, high=1.0, merge_only=True)
    merge_overlap: int | None = fields.checked(None, low=1, high=8192, merge_only=True)

    def __post_init__(self):
        """Checks the fields; errors as in `MergeSettings`."""
        super().__post_init__()
        if self.min_zoom > self.max_zoom:
            raise ValueError(
                f"`min_zoom` must be at most `max_zoom`, {self.max_zoom}: {self.min_zoom}"
            )
        if self.zoom == AUTO_ZOOM:
            self._check_auto_zoom()
        if self.tile_overlap % (2 * TILE_GRID):
            raise ValueError(
                f"`tile_overlap` must be a multiple of {2 * TILE_GRID}: {self.tile_overlap}"
            )

    @property
    def overlap_of_parts(self) -> int:
        """`merge_overlap`, or its default, zoomed pixels."""
        if self.merge_overlap is not None:
            return self.merge_overlap
        return DEFAULT_OVERLAP if self.object_size is None else math.ceil(5 * self.object_size)

    @property
    def object_area(self) -> float:
        """Area of a disc of the diameter `object_size`, which must be given, pixels."""
        return math.pi / 4 * self.object_size**2

    def _check_auto_zoom(self):
        """Raises ValueError unless the other fields fit `zoom` "auto"."""
        if self.regions:
            raise ValueError("`regions` must be false where `zoom` is 'auto': True")
        if self.object_size is None:
            raise ValueError("`object_size` must be given where `zoom` is 'auto': None")
        if self.min_pixels >= self.object_area:
            raise ValueError(
                "`min_pixels` must be less than the area of a disc of the diameter `object_size`, "
                f"{self.object_area:.0f}, where `zoom` is 'auto': {self.min_pixels}"
            )
        if not self.min_zoom <= self.first_zoom <= self.max_zoom:
            limits = f"[{self.min_zoom}, {self.max_zoom}]"
            raise ValueError(
                f"`first_zoom` must be in {limits} where `zoom` is 'auto': {self.first_zoom}"
            )
        if self.has_low_passes and self.lowest_zoom > self.min_zoom:
            raise ValueError(
                f"`lowest_zoom` must be at most `min_zoom`, {self.min_zoom}: {self.lowest_zoom}"
            )

    @property
    def has_low_passes(self) -> bool:
        """Whether "auto" looks for objects at zooms below `min_zoom`: see `lowest_zoom`."""
        return self.lowest_zoom is not None and self.min_zoom < self.max_zoom

    def zooms_for(self, diameter: Any) -> tuple[Any, Any]:
        """Returns the least and the largest zoom that fit a diameter of the median object.

        "auto" takes the one nearest to `min_zoom`, since below that outlines lose detail.

        Args:
          diameter: Pixels of the image, a number or a tensor.
        """
        least = self.object_size / diameter
        return least, least if self.lowest_zoom is None else _LARGEST_SIZE * least

    def merge_options(
        self, class_table: labels.ClassTable, distances: Sequence[int]
    ) -> MergeOptions:
        """Returns the options of the graph merge.

        Args:
          class_table: The classes of the semantic network.
          distances: Distances of the affinity network, pixels.

        Raises:
          ValueError: The configuration does not fit the class table or the distances.
        """
        shared = {field.name: getattr(self, field.name) for field in _MERGE_FIELDS}
        shared["groups"] = self.class_groups(class_table)
        shared["refine_classes"] = self.refine_class_indices(class_table)
        return MergeOptions(distances=distances, **shared)

    def class_groups(self, class_table: labels.ClassTable) -> tuple[int, ...]:
        """Returns the super-class of each class.

        Raises:
          ValueError: `groups` does not fit the class table, or the table has stuff.
        """
        if class_table.stuff_label_ids:
            raise ValueError(
                f"class table {class_table.name!r}: every class but the first must have instances "
                f"to be merged; `stuff_label_ids` is {class_table.stuff_label_ids}"
            )
        groups = class_table.groups if self.groups is None else self.groups
        labels.check_groups(groups, class_table.num_classes)
        return groups

    def refine_class_indices(self, class_table: labels.ClassTable) -> tuple[int, ...]:
        """Returns the class indices of `refine_classes`.

        Raises:
          ValueError: A name is no foreground class of the table.
        """
        known = class_table.class_names[1:]
        for name in self.refine_classes:
            if name not in known:
                raise ValueError(
                    f"`refine_classes` must be among {known}, the classes of table "
                    f"{class_table.name!r}: {name!r}"
                )
        return tuple(class_table.class_names.index(name) for name in self.refine_classes)

    def prediction_fields(self) -> dict[str, Any]:
        """Returns the fields that shape what the networks see and say.

        The same predictions can be merged with other values of the fields that are not among them.
        `merge_window` is among them because zoomed sizes are multiples of it. The flips are among
        them because regions of interest are found by them.
        """
        merge_only = fields.names(InferenceConfig, "merge_only")
        return {name: value for name, value in vars(self).items() if name not in merge_only}

    def fingerprint_fields(self) -> dict[str, Any]:
        """Returns all that shapes predictions: `prediction_fields`, and what the zoom depends on.

        With `zoom` "auto" the objects are found, and measured, with the fields of the merge. These
        are listed as "zoomed_with.<field>", but not `_NOT_MEASURED`: every object is measured. A
        prediction keeps its zoom, so that it can still be merged with other values of them.
        """
        found = self.prediction_fields()
        if self.zoom == AUTO_ZOOM:
            measured = set(fields.names(InferenceConfig, "merge_only")) - _NOT_MEASURED
            found |= {f"zoomed_with.{name}": getattr(self, name) for name in sorted(measured)}
        return found


_MERGE_FIELDS = dataclasses.fields(MergeSettings)

NETWORK_FIELDS = fields.names(InferenceConfig, "loaded_with")
"""Fields that a network is loaded with."""


def load_config(
    preset: str | Mapping[str, Any] | None, overrides: Sequence[str] = (), where: str = "preset"
) -> InferenceConfig:
    """Reads a preset and changes single fields of it.

    Args:
      preset: Name of a file of configs/presets, such as "demo", or path of a YAML file; or the
        fields themselves; None for the defaults.
      overrides: "field=value" strings; values are read as YAML.
      where: Where the fields stand, for messages.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: A field is unknown or breaks a rule; the message names where it stands.
    """
    values: dict[str, Any] = {}
    if isinstance(preset, Mapping):
        values = _known(dict(preset), where)
        _build(values, where)
    elif preset is not None:
        path = resources.find(preset, resources.PRESETS, ".yaml")
        if path is None:
            raise FileNotFoundError(
                f"`preset` must be one of {resources.names(resources.PRESETS, '.yaml')} or a YAML "
                f"file that exists: {preset}"
            )
        values = _known(structured.read_yaml(path, preset) or {}, preset)
        _build(values, preset)
    for override in overrides:
        where = f"--override={override}"
        name, equals, text = override.partition("=")
        if not equals:
            raise ValueError(f"{where}: an override must be 'field=value'")
        values.update(_known({name.strip(): structured.parse_yaml(text, where)}, where))
    return _build(values, " ".join(f"--override={override}" for override in overrides))


def change(config: InferenceConfig, values: Mapping[str, Any]) -> InferenceConfig:
    """Returns a configuration with other values of some fields.

    Raises:
      ValueError: A field is unknown or breaks a rule.
    """
    where = ", ".join(f"{name}={value!r}" for name, value in values.items())
    return _build({**vars(config), **_known(dict(values), where)}, where)


def at_diameter(config: InferenceConfig, diameter: float) -> InferenceConfig:
    """Returns a configuration with a fixed zoom, instead of one by the objects that are found.

    Args:
      config: A configuration with `zoom` "auto".
      diameter: Diameter of most objects, pixels of the picture.

    Raises:
      ValueError: `zoom` is another one, objects of this diameter would have less than a quarter of
        `object_size` even at `max_zoom`, or they need a zoom below the limits of the fields.
    """
    if config.zoom != AUTO_ZOOM:
        raise ValueError(
            f"`diameter` must not be given: the model's `zoom` is {config.zoom!r}, not 'auto'"
        )
    if not 0 < diameter < math.inf:
        raise ValueError(f"`diameter` must be a positive number of pixels: {diameter}")
    least, most = config.zooms_for(diameter)
    if least > 4 * config.max_zoom:
        smallest = config.object_size / (4 * config.max_zoom)
        raise ValueError(
            f"`diameter` must be at least {smallest:g} pixels of the picture for this model: "
            f"{diameter}"
        )
    return change(config, fixed_zoom(min(max(config.min_zoom, least), most, config.max_zoom)))


def fixed_zoom(zoom: float) -> dict[str, float]:
    """Returns the fields that make a zoom of "auto" the only one, so that nothing is measured."""
    return dict.fromkeys(("first_zoom", "min_zoom", "max_zoom"), zoom)


def _build(values: dict[str, Any], where: str) -> InferenceConfig:
    """Builds the configuration; errors name where the values stand."""
    try:
        return InferenceConfig(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from error


def _known(values: Any, where: str) -> dict[str, Any]:
    """Returns `values` if it is a mapping of known fields."""
    names = [field.name for field in dataclasses.fields(InferenceConfig)]
    if not isinstance(values, dict):
        found = structured.shown(values)
        raise ValueError(f"{where}: a preset must be a mapping of fields: {found}")
    for name in values:
        if name not in names:
            raise ValueError(f"{where}: unknown field {name!r}; known: {', '.join(names)}")
    return values
