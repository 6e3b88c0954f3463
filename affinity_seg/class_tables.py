"""The class tables that are built in, and those in YAML files.

Two tables are built in: `cityscapes`, the classes of the paper's results, and `cityscapes_19`,
those of the first step of its semantic training (5.1). Any other data set has its table in a YAML
file, see configs/class_tables.
"""

import dataclasses
from typing import Any

import yaml
from cityscapesscripts.helpers import labels as official

from affinity_seg import labels, resources, structured
from affinity_seg.labels import ClassTable

TABLE_FILE = "class_table.yaml"
"""File of a class table beside what was made with it."""

_MAX_CITYSCAPES_LABEL_ID = 33

# Label ids that cityscapesscripts ignores in evaluation, as in its table of labels.
_CITYSCAPES_VOID = (0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30, -1)

CITYSCAPES = ClassTable(
    name="cityscapes",
    class_names=(
        "background",
        "person",
        "rider",
        "car",
        "truck",
        "bus",
        "train",
        "motorcycle",
        "bicycle",
    ),
    label_ids=(24, 25, 26, 27, 28, 31, 32, 33),
    void_label_ids=_CITYSCAPES_VOID,
    groups=labels.CITYSCAPES_GROUPS,
    colors=(
        (0, 0, 0),
        (220, 20, 60),
        (255, 0, 0),
        (0, 0, 142),
        (0, 0, 70),
        (0, 60, 100),
        (0, 80, 100),
        (0, 0, 230),
        (119, 11, 32),
    ),
)


def _cityscapes_19() -> ClassTable:
    """Returns the classes that Cityscapes evaluates; their indices are its train ids."""
    classes = sorted(
        (label for label in official.labels if not label.ignoreInEval),
        key=lambda label: label.trainId,
    )
    return ClassTable(
        name="cityscapes_19",
        class_names=tuple(label.name for label in classes),
        label_ids=tuple(label.id for label in classes[1:]),
        void_label_ids=_CITYSCAPES_VOID,
        stuff_label_ids=tuple(label.id for label in classes[1:] if not label.hasInstances),
        colors=tuple(label.color for label in classes),
    )


CITYSCAPES_19 = _cityscapes_19()
"""Index 0 is road, the only label id of Cityscapes that is neither in `label_ids` nor void."""

BUILT_IN = {table.name: table for table in (CITYSCAPES, CITYSCAPES_19)}
"""The class tables that need no file, by name."""


def max_label_id(class_table: ClassTable) -> int:
    """Returns the largest label id that an instance image may hold."""
    return _MAX_CITYSCAPES_LABEL_ID if class_table.name in BUILT_IN else labels.NUM_LABEL_IDS - 1


def table_from_fields(fields: dict[str, Any]) -> ClassTable:
    """Returns the class table of fields read from YAML or JSON, where tuples are lists."""
    return ClassTable(
        **{
            key: tuple(tuple(v) if isinstance(v, list) else v for v in value)
            if isinstance(value, list)
            else value
            for key, value in fields.items()
        }
    )


def as_yaml(class_table: ClassTable) -> bytes:
    """Returns a class table as the file that `load_class_table` reads."""
    fields = structured.plain(dataclasses.asdict(class_table))
    return yaml.safe_dump(fields, allow_unicode=True).encode()


def names() -> list[str]:
    """Returns the names of the class tables that ship with the library, sorted."""
    return sorted({*BUILT_IN, *resources.names(resources.CLASS_TABLES, ".yaml")})


def load_class_table(name_or_path: str) -> ClassTable:
    """Returns a built-in table or reads one from a YAML file.

    Args:
      name_or_path: A key of `BUILT_IN`, the name of a file of configs/class_tables, or the path of
        a YAML file with the fields of `ClassTable`; background must be its first class name.

    Raises:
      FileNotFoundError: There is no such table or file.
      ValueError: The file has unknown or missing fields, or breaks a rule.
    """
    if name_or_path in BUILT_IN:
        return BUILT_IN[name_or_path]
    path = resources.find(name_or_path, resources.CLASS_TABLES, ".yaml")
    if path is None:
        raise FileNotFoundError(
            f"`class_table` must be one of {names()} or a YAML file that exists: {name_or_path}"
        )
    content = structured.read_yaml(path, name_or_path)
    if not isinstance(content, dict):
        raise ValueError(
            f"{name_or_path}: a class table must be a mapping: {structured.shown(content)}"
        )
    fields = {field.name for field in dataclasses.fields(ClassTable)}
    if set(content) - fields:
        raise ValueError(
            f"{name_or_path}: unknown fields {sorted(map(str, set(content) - fields))}; "
            f"known: {sorted(fields)}"
        )
    try:
        return table_from_fields(content)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name_or_path}: {error}") from error
