"""The class table of truth that calls its classes by name."""

import dataclasses
import os
from collections.abc import Sequence

from affinity_seg import class_tables, files, labels
from affinity_seg.data import truth_forms
from affinity_seg.data.items import Item

ONE_CLASS = labels.ClassTable("objects", ("background", "object"), (1,), encoding="ids")
"""The class table of truth that names no class; `fit` takes it for instance images, too."""

ONE_CLASS_AND_VOID = dataclasses.replace(
    ONE_CLASS, void_label_ids=(labels.VOID_VALUES[ONE_CLASS.encoding],)
)
"""The same for truth that names no class, but may have void regions."""


def choose(items: Sequence[Item], name_or_path: str | None, folder: str) -> labels.ClassTable:
    """Returns the class table of a data set.

    Args:
      items: The images.
      name_or_path: As of `class_tables.load_class_table`. None: a table with the classes that the
        truth names, or `cityscapes` for instance images, which have only ids.
      folder: Where `class_tables.TABLE_FILE` is, or will be.

    Raises:
      FileNotFoundError: There is no such table.
      ValueError: A table breaks its rules, or the file has other classes.
    """
    if name_or_path is not None or items[0].form == truth_forms.INSTANCES:
        return class_tables.load_class_table(name_or_path or class_tables.CITYSCAPES.name)
    table = of_truth(items)
    path = os.path.join(folder, class_tables.TABLE_FILE)
    if os.path.isfile(path) and class_tables.load_class_table(path) != table:
        raise ValueError(
            f"{path}: was written for other classes than {list(table.class_names[1:])}; if this is "
            f"another part of the same data set, give it as `--class_table={path}`; else use "
            "another `--output_dir`, or remove the file"
        )
    return table


def of_truth(items: Sequence[Item]) -> labels.ClassTable:
    """Returns a table with the classes that the truth names, or one of the two above.

    Args:
      items: The images, whose truth is not instance images.

    Raises:
      ValueError: The names make no table, or all files of the truth are damaged.
    """
    form = items[0].form
    if form in truth_forms.WITHOUT_CLASSES:
        return ONE_CLASS
    names = _class_names(items)
    if form == truth_forms.GEOJSON and not names:
        return ONE_CLASS_AND_VOID
    return _named(items, names)


def write(class_table: labels.ClassTable, folder: str) -> str:
    """Writes a table that was made for a data set; returns the path of its file."""
    path = os.path.join(folder, class_tables.TABLE_FILE)
    files.write_bytes(path, class_tables.as_yaml(class_table))
    return path


def _class_names(items: Sequence[Item]) -> list[str]:
    """Returns the classes that the truth names; but for COCO's in the order of the alphabet.

    The parts of a COCO data set are files of their own: the classes that only a later one names
    stand behind those of the first. Of the other forms a damaged file names none here. Whoever
    reads its image lists that.
    """
    # Late: few programs need pycocotools.
    from affinity_seg.data import coco_files, geojson_files, labelme_files

    if items[0].form == truth_forms.COCO:
        paths = dict.fromkeys(item.truth_path for item in items)
        return list(dict.fromkeys(name for path in paths for name in coco_files.class_names(path)))
    is_geojson = items[0].form == truth_forms.GEOJSON
    names_of = geojson_files.class_names if is_geojson else labelme_files.class_names
    found: set[str] = set()
    errors = []
    for item in items:
        try:
            found |= names_of(item.truth_path)
        except ValueError as error:
            errors.append(error)
    if len(errors) == len(items):
        raise errors[0]
    return sorted(found)


def _named(items: Sequence[Item], names: Sequence[str]) -> labels.ClassTable:
    """Returns a table of the classes that the truth names, with instances and void regions."""
    encoding = "ids" if len(names) == 1 else "label_times_1000"
    try:
        return labels.ClassTable(
            name="_".join(names)[:40],
            class_names=("background", *names),
            label_ids=tuple(range(1, len(names) + 1)),
            void_label_ids=(labels.VOID_VALUES[encoding],),
            encoding=encoding,
        )
    except ValueError as error:
        raise ValueError(
            f"{items[0].truth_path}: its classes make no class table, give one with "
            f"`--class_table`: {error}"
        ) from error
