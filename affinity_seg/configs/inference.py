"""Configuration of inference: every parameter of the method (paper 3.4, 4, 5.3).

A preset is a YAML file with some of the fields of `InferenceConfig`; the others keep
their defaults. Unknown fields and values of the wrong type are refused.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from affinity_seg import labels, neighbors, resources, structured
from affinity_seg.configs.choices import OUTPUT_STRIDES, PRECISIONS

BEST_PRESET = "paper_best"
"""What the tools use when no preset is given: the best row of the paper's tables."""

LOGITS_DTYPES = ("float16", "float32")

TILE_GRID = max(OUTPUT_STRIDES)
"""Tiles begin at multiples of it, so that their logits fit together, pixels."""

MIN_TILE_SIDE = 512
"""Tiles are not cut shorter than this, pixels."""


@dataclasses.dataclass(frozen=True)
class InferenceConfig:
    """How an image becomes instances. The defaults are the paper's, for Cityscapes.

    Regions of interest (paper 4.1, 4.3, 4.5):

    Attributes:
      regions: Find regions of interest; otherwise the whole image is the one region.
      cell_size: Side of the cells that regions are made of, pixels.
      growth: How far a region is grown to every side, pixels.
      partition: Semantic class partition: each super-class has regions of its own.
      groups: Super-class of each class, 0 for the background; None: the class table's.
      resize: Zoom each region by `crop_size / box height`, kept within [min_zoom, max_zoom];
        otherwise by 1.
      crop_size: Height that regions are zoomed to, and the least side of what the networks
        see: smaller crops are padded with zeros. Pixels.
      min_zoom: Least zoom.
      max_zoom: Largest zoom.

    Networks (paper 5.2, 5.3):
      bucket: Crops larger than `crop_size` are padded to it plus a multiple of this, so that they
        share shapes, and with them batches and the GPU's tuned kernels. 1: no such padding. Pixels.
      max_input_pixels: Larger inputs, images and crops alike, are cut into equal tiles. A batch
        has at most twice as many pixels: lower it where a GPU's memory is short.
      tile_overlap: How far tiles overlap; they are stitched in the middle of it. Pixels.
      logits_dtype: "float16" or "float32": how logits are kept in the prediction records.
      precision: "float32", or "mixed_float16" or "mixed_bfloat16": half as wide inside the network.
      semantic_stride: Output stride of the semantic network, None: as trained.
      affinity_stride: Output stride of the affinity network, None: as trained.
      semantic_flip: Average the semantics with those of the mirrored image.
      affinity_flip: Average the affinities with those of the mirrored image.

    Graph merge (paper 3.4, 4.2, 4.4, 5.3); the distances are those of the affinity network:
      merge_window: 1, 2 or 4: side of the windows of the forced local merge, pixels.
      stages: How many of the distances each stage adds.
      thresholds: Least edge that each stage merges.
      refine: Pixel affinity refinement by the semantics.
      alpha: Steepness of the refinement.
      refine_classes: Names of the classes of the semantic class refinement.
      linkage: "average", or "weighted" as Algorithm 1 is written.
      min_pixels: Instances have more pixels than this, counted at the zoomed resolution.
      vote_min_ratio: Least share of the winning class's votes that makes another class a further
        candidate of the mask, with that share of the score. None: one class each.
    """

    regions: bool = True
    cell_size: int = 32
    growth: int = 16
    partition: bool = True
    groups: tuple[int, ...] | None = None
    resize: bool = True
    crop_size: int = 513
    min_zoom: float = 1.0
    max_zoom: float = 4.0
    bucket: int = 64
    max_input_pixels: int = 1024 * 2048
    tile_overlap: int = 256
    precision: str = "float32"
    logits_dtype: str = "float16"
    semantic_stride: int | None = None
    affinity_stride: int | None = None
    semantic_flip: bool = True
    affinity_flip: bool = True
    merge_window: int = 2
    stages: tuple[int, ...] = neighbors.STAGES
    thresholds: tuple[float, ...] = (0.97, 0.7, 0.3)
    refine: bool = True
    alpha: float = 5.0
    refine_classes: tuple[str, ...] = ()
    linkage: str = "average"
    min_pixels: int = 1024
    vote_min_ratio: float | None = None

    def __post_init__(self):
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _typed(field, getattr(self, field.name)))
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if not all(least <= v <= most for v in _as_tuple(value)):  # NaN is in no range.
                raise ValueError(f"`{name}` must be in [{least}, {most}]: {value}")
        if self.min_zoom > self.max_zoom:
            raise ValueError(
                f"`min_zoom` must be at most `max_zoom`, {self.max_zoom}: {self.min_zoom}"
            )
        for name in ("semantic_stride", "affinity_stride"):
            if getattr(self, name) not in (None, *OUTPUT_STRIDES):
                raise ValueError(
                    f"`{name}` must be null or one of {OUTPUT_STRIDES}: {getattr(self, name)}"
                )
        if self.tile_overlap % (2 * TILE_GRID):
            raise ValueError(
                f"`tile_overlap` must be a multiple of {2 * TILE_GRID}: {self.tile_overlap}"
            )
        if self.precision not in PRECISIONS:
            raise ValueError(f"`precision` must be one of {PRECISIONS}: {self.precision!r}")
        if self.logits_dtype not in LOGITS_DTYPES:
            raise ValueError(
                f"`logits_dtype` must be one of {LOGITS_DTYPES}: {self.logits_dtype!r}"
            )
        if self.merge_window not in (1, 2, 4):
            raise ValueError(f"`merge_window` must be 1, 2 or 4: {self.merge_window}")
        if len(self.thresholds) != len(self.stages):
            raise ValueError(
                f"`thresholds` must have one entry per stage, {len(self.stages)}: {self.thresholds}"
            )
        if min(self.stages, default=0) < 1:
            raise ValueError(f"`stages` must have positive entries: {self.stages}")
        if sorted(self.thresholds, reverse=True) != list(self.thresholds):
            raise ValueError(f"`thresholds` must never increase: {self.thresholds}")
        if self.linkage not in ("average", "weighted"):
            raise ValueError(f"`linkage` must be 'average' or 'weighted': {self.linkage!r}")

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

        Predictions can be merged again with other values of all other fields. The window
        is one of these because zoomed sizes are multiples of it.
        """
        values = dataclasses.asdict(self)
        return {name: values[name] for name in _PREDICTION_FIELDS}


_RANGES = {
    "cell_size": (1, 65536),
    "growth": (0, 65536),
    "groups": (0, labels.VOID_CLASS - 1),
    "crop_size": (1, 8192),
    "min_zoom": (1 / 64, 64.0),
    "max_zoom": (1 / 64, 64.0),
    "bucket": (1, 8192),
    "max_input_pixels": (MIN_TILE_SIDE**2, 8192**2),
    "tile_overlap": (0, MIN_TILE_SIDE // 2),
    "thresholds": (1e-6, 1.0),  # The op reads six decimals of these and of `alpha`.
    "alpha": (1e-6, 1e6),
    "min_pixels": (0, 2**31 - 1),
    "vote_min_ratio": (1e-6, 1.0),
}
"""Least and largest value of fields; of each entry where the field is a list."""

_LISTS = {"groups": int, "stages": int, "thresholds": float, "refine_classes": str}
"""Type of the entries of fields that are lists."""

_OPTIONALS = {"semantic_stride": int, "affinity_stride": int, "vote_min_ratio": float}
"""Type of fields that may be None and are no lists."""

NETWORK_FIELDS = ("semantic_stride", "affinity_stride", "precision")
"""Fields that a network is loaded with."""

_PREDICTION_FIELDS = (
    "regions",
    "cell_size",
    "growth",
    "partition",
    "groups",
    "resize",
    "crop_size",
    "min_zoom",
    "max_zoom",
    "bucket",
    "max_input_pixels",
    "tile_overlap",
    "precision",
    "logits_dtype",
    "semantic_stride",
    "affinity_stride",
    "semantic_flip",
    "affinity_flip",
    "merge_window",
)


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
        with open(path, "rb") as file:
            values = _known(structured.parse_yaml(file.read(), preset) or {}, preset)
        _build(values, preset)
    for override in overrides:
        where = f"--override={override}"
        name, equals, text = override.partition("=")
        if not equals:
            raise ValueError(f"{where}: an override must be 'field=value'")
        values.update(_known({name.strip(): structured.parse_yaml(text, where)}, where))
    return _build(values, " ".join(f"--override={override}" for override in overrides))


def change(config: InferenceConfig, fields: Mapping[str, Any]) -> InferenceConfig:
    """Returns a configuration with other values of some fields.

    Raises:
      ValueError: A field is unknown or breaks a rule.
    """
    where = ", ".join(f"{name}={value!r}" for name, value in fields.items())
    return _build({**vars(config), **_known(dict(fields), where)}, where)


def _build(values: dict[str, Any], where: str) -> InferenceConfig:
    """Builds the configuration; errors name where the values stand."""
    try:
        return InferenceConfig(**values)
    except ValueError as error:
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


def _as_tuple(value: Any) -> tuple:
    """Returns the entries of a list, no entry for None, and any other value as the one entry."""
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _typed(field: dataclasses.Field, value: Any) -> Any:
    """Returns `value` as the type of `field`: lists become tuples, whole numbers floats."""
    name = field.name
    if field.default is None and value is None:
        return None
    if name in _LISTS:
        if not isinstance(value, list | tuple):
            raise ValueError(f"`{name}` must be a list: {value!r}")
        return tuple(_scalar(name, _LISTS[name], entry) for entry in value)
    return _scalar(name, _OPTIONALS.get(name, type(field.default)), value)


def _scalar(name: str, kind: type, value: Any) -> Any:
    """Returns `value` as `kind`, or raises ValueError."""
    if kind is float and type(value) is int and abs(value) < 2**53:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"`{name}` must be of type {kind.__name__}: {value!r}")
    return value
