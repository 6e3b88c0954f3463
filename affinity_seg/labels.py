"""Class tables: which classes a data set has and how its label images encode them.

The networks and the graph merge use class indices: 0 is the background, and the
foreground ("thing") classes follow from 1. A class table maps these indices to
names, to the label ids of the files on disk, to the super-classes of the paper
(4.5) and to colours. `class_tables` has the tables that are built in, and reads others.
"""

import colorsys
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from affinity_seg import structured

VOID_CLASS = 255
"""Class index of pixels that are neither scored nor trained on."""

VOID_INSTANCE = -1
"""Instance index of pixels that no affinity pair may touch: void and group regions."""

ENCODINGS = ("label_times_1000", "ids")
"""Encodings of the 16-bit instance images of a data set.

`label_times_1000`: Cityscapes. A value below 1000 is a label id without an instance
(for a thing class, a group region); any other value is `label id * 1000 + number`.
`ids`: one foreground class. 0 is background, a value of `void_label_ids` is void, any other value
is one instance.
"""

VOID_VALUES = {"label_times_1000": 2**8 - 1, "ids": 2**16 - 1}
"""The value that tables made by this project give to void pixels, by encoding."""

CITYSCAPES_GROUPS = (0, 1, 1, 2, 2, 2, 2, 3, 3)
"""Super-classes of the paper (4.5) for its nine classes."""

NUM_LABEL_IDS = 256
"""Label ids are 0 to 255."""

_NUM_VALUES = 2**16
"""Values of an instance image are 0 to 65535."""


def default_groups(num_classes: int) -> tuple[int, ...]:
    """Returns the super-class of each class: the paper's for 9 classes, else a single one."""
    if num_classes == len(CITYSCAPES_GROUPS):
        return CITYSCAPES_GROUPS
    return (0,) + (1,) * (num_classes - 1)


def check_groups(groups: Sequence[int], num_classes: int) -> None:
    """Raises ValueError unless `groups` is 0 for the background and 1, 2, ... without gaps."""
    if len(groups) != num_classes:
        raise ValueError(f"`groups` must have one entry per class, {num_classes}: {tuple(groups)}")
    foreground = list(groups[1:])
    if groups[0] != 0 or sorted(set(foreground)) != list(range(1, max(foreground, default=0) + 1)):
        raise ValueError(
            "`groups` must be 0 for the background and consecutive from 1 for the others: "
            f"{tuple(groups)}"
        )


@dataclasses.dataclass(frozen=True)
class ClassTable:
    """The classes of a data set.

    Attributes:
      name: Name of the data set; "cityscapes" is evaluated by the Cityscapes scripts.
      class_names: Name of each class index, K entries, background first.
      label_ids: Label id on disk of each foreground class, K - 1 entries.
      void_label_ids: Label ids that are void. A label id that is neither here nor in `label_ids`
        is background. With `encoding` "ids": stored values that are void; every other value but 0
        is an instance.
      stuff_label_ids: Those of `label_ids` whose class has no instances. Networks can be trained
        with such a table. The merge refuses it, because its only class without instances is 0.
      groups: Super-class of each class index, K entries.
      encoding: One of `ENCODINGS`.
      colors: RGB colour of each class index, K entries, 0..255.
    """

    name: str
    class_names: tuple[str, ...]
    label_ids: tuple[int, ...]
    void_label_ids: tuple[int, ...] = ()
    stuff_label_ids: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    encoding: str = "label_times_1000"
    colors: tuple[tuple[int, int, int], ...] = ()

    def __post_init__(self):
        self._check_types()
        if not self.groups:
            object.__setattr__(self, "groups", default_groups(self.num_classes))
        if not self.colors:
            object.__setattr__(self, "colors", _spread_colors(self.num_classes))
        if len(set(self.class_names)) != self.num_classes:
            raise ValueError(f"`class_names` must be different: {self.class_names}")
        if self.num_classes < 2 or self.num_classes > VOID_CLASS:
            raise ValueError(
                f"`class_names` must name the background and 1 to {VOID_CLASS - 1} classes: "
                f"{self.class_names}"
            )
        if len(self.label_ids) != self.num_classes - 1:
            raise ValueError(
                f"`label_ids` must give one label id per foreground class, "
                f"{self.num_classes - 1}: {self.label_ids}"
            )
        for field in ("label_ids", "void_label_ids", "stuff_label_ids"):
            values = getattr(self, field)
            if len(set(values)) != len(values):
                raise ValueError(f"`{field}` must be different: {values}")
        if self.encoding not in ENCODINGS:
            raise ValueError(f"`encoding` must be one of {ENCODINGS}: {self.encoding!r}")
        if self.encoding == "ids" and self.num_classes != 2:
            raise ValueError(
                f"`encoding` 'ids' is for a single foreground class: {self.class_names[1:]}"
            )
        if self.encoding == "ids" and self.stuff_label_ids:
            raise ValueError(
                f"`stuff_label_ids` must be empty with `encoding` 'ids', where every value is an "
                f"instance: {self.stuff_label_ids}"
            )
        if self.encoding == "ids" and 0 in self.void_label_ids:
            raise ValueError(
                f"`void_label_ids` must not hold 0 with `encoding` 'ids', where 0 is the "
                f"background: {self.void_label_ids}"
            )
        if self.encoding == "label_times_1000" and max(self.label_ids) > 64:
            raise ValueError(
                f"`label_ids` must be at most 64 to fit 16 bits with encoding "
                f"'label_times_1000': {self.label_ids}"
            )
        if set(self.void_label_ids) & set(self.label_ids):
            raise ValueError(
                f"`void_label_ids` must not hold a class's label id: {self.void_label_ids}"
            )
        if set(self.stuff_label_ids) - set(self.label_ids):
            raise ValueError(
                f"`stuff_label_ids` must be some of `label_ids`: {self.stuff_label_ids}"
            )
        check_groups(self.groups, self.num_classes)
        if len(self.colors) != self.num_classes:
            raise ValueError(f"`colors` must have {self.num_classes} entries: {len(self.colors)}")

    def _check_types(self):
        """Raises ValueError for a field that is not of the type it is declared with."""
        for field in ("name", "encoding"):
            value = getattr(self, field)
            if not isinstance(value, str) or not value:
                raise ValueError(f"`{field}` must be a text: {value!r}")
        most = (_NUM_VALUES if self.encoding == "ids" else NUM_LABEL_IDS) - 1
        for field, rule, valid in (
            ("class_names", "texts", lambda v: isinstance(v, str) and v != ""),
            ("label_ids", f"integers in [1, {NUM_LABEL_IDS - 1}]", lambda v: _is_int(v, 1)),
            ("void_label_ids", f"integers in [-1, {most}]", lambda v: _is_int(v, -1, most)),
            ("stuff_label_ids", "integers", lambda v: _is_int(v, 1)),
            ("groups", f"integers in [0, {NUM_LABEL_IDS - 1}]", lambda v: _is_int(v, 0)),
            (
                "colors",
                "three integers in [0, 255] for each class",
                lambda v: isinstance(v, tuple) and len(v) == 3 and all(_is_int(c, 0) for c in v),
            ),
        ):
            values = getattr(self, field)
            if not isinstance(values, tuple) or not all(map(valid, values)):
                raise ValueError(f"`{field}` must be {rule}: {structured.shown(values)}")

    @property
    def num_classes(self) -> int:
        """K, the number of classes with the background."""
        return len(self.class_names)

    @property
    def thing_label_ids(self) -> tuple[int, ...]:
        """Label ids of the classes that have instances."""
        return tuple(i for i in self.label_ids if i not in self.stuff_label_ids)

    def is_thing(self) -> np.ndarray:
        """Returns whether each class index 0..`VOID_CLASS` has instances, bool [256]."""
        things = np.zeros(VOID_CLASS + 1, bool)
        things[[self.label_ids.index(i) + 1 for i in self.thing_label_ids]] = True
        return things

    def class_of_label(self) -> np.ndarray:
        """Returns the class index of every label id 0..255 (`VOID_CLASS` if void), int32 [256].

        With `encoding` "ids" the stored values are not label ids: use `decode` for them.
        """
        table = np.zeros(NUM_LABEL_IDS, np.int32)
        table[[i for i in self.void_label_ids if i >= 0]] = VOID_CLASS
        for index, label_id in enumerate(self.label_ids, start=1):
            table[label_id] = index
        return table

    def decode(self, instance_image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Splits an instance image into classes and instances.

        Args:
          instance_image: uint16 or int32 [H, W], pixels as stored on disk.

        Returns:
          classes: int32 [H, W], class index; `VOID_CLASS` where void. A group region
            has its class.
          instances: int32 [H, W], 0 on background and stuff, `VOID_INSTANCE` on void pixels
            and group regions, else the stored value, which is different for each instance.
        """
        values = instance_image.astype(np.int32)
        if self.encoding == "ids":
            is_void = np.isin(values, self.void_label_ids)
            classes = np.where(is_void, VOID_CLASS, values > 0).astype(np.int32)
            return classes, np.where(is_void, VOID_INSTANCE, values)
        grouped = values < 1000
        labels = np.where(grouped, values, values // 1000)
        classes = self.class_of_label()[np.minimum(labels, NUM_LABEL_IDS - 1)]
        thing = self.is_thing()[classes]
        instances = np.where(thing & ~grouped, values, 0)
        instances[(thing & grouped) | (classes == VOID_CLASS)] = VOID_INSTANCE
        return classes, instances

    def background_value(self) -> int:
        """Returns the stored value of the background: the least that is no class and not void."""
        taken = {*self.label_ids, *self.void_label_ids} if self.encoding != "ids" else ()
        return next(value for value in range(NUM_LABEL_IDS) if value not in taken)

    def void_value(self) -> int | None:
        """Returns a stored value that is void; None if the table has none."""
        return max((value for value in self.void_label_ids if value >= 0), default=None)

    def max_instances(self, class_index: int) -> int:
        """Returns the largest number of instances of a class that an image can store."""
        if self.encoding == "ids":
            return _NUM_VALUES - 1 - len([i for i in self.void_label_ids if i > 0])
        is_stuff = self.label_ids[class_index - 1] in self.stuff_label_ids
        return _NUM_VALUES if is_stuff else 1000

    def encode(self, classes: int, number: int) -> int:
        """Returns the stored value of instance `number` (from 0) of a class index.

        A class without instances has one value.
        """
        if self.encoding == "ids":
            value = number + 1
            for void in sorted(i for i in self.void_label_ids if i > 0):
                value += void <= value
            return value
        label_id = self.label_ids[classes - 1]
        return label_id if label_id in self.stuff_label_ids else label_id * 1000 + number


def _is_int(value: Any, least: int, most: int = NUM_LABEL_IDS - 1) -> bool:
    return type(value) is int and least <= value <= most  # A bool is an int as well.


def _spread_colors(num_classes: int) -> tuple[tuple[int, int, int], ...]:
    """Returns `num_classes` RGB colours, black first and hues by the golden ratio."""
    colors = [(0, 0, 0)]
    for i in range(num_classes - 1):
        rgb = colorsys.hsv_to_rgb((0.02 + i * 0.618034) % 1.0, 0.75, 0.95)
        colors.append(tuple(round(255 * v) for v in rgb))
    return tuple(colors)
