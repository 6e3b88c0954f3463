"""Reads mutants one after the other and says of each what became of it; see `mutants`.

    mutant_worker.py <kind> <folder> <first> <end> <report>

Writes a JSON object a line for each mutant: `error`, what it raised, or null; `is_ours`, whether
that is of the types that programs show as one message; and `growth`, by how many bytes the
largest memory of the process grew meanwhile.
"""

import json
import os
import resource
import shutil
import sys

from affinity_seg import class_tables
from affinity_seg.configs import inference
from affinity_seg.data import pictures
from affinity_seg.data.items import Item
from affinity_seg.evaluation import result_reading, results, truth
from affinity_seg.pipeline import fingerprint


def _read_mask(path: str) -> None:
    """Reads the mask as that of a result which has it alone."""
    folder = os.path.dirname(path)
    name = "x"
    os.makedirs(os.path.join(folder, results.MASK_FOLDER))
    shutil.copyfile(path, os.path.join(folder, results.mask_path(name, 0)))
    with open(results.result_path(folder, name), "w", encoding="utf-8") as file:
        file.write(results.format_line(results.mask_path(name, 0), 1, 0.5, class_tables.CITYSCAPES))
    try:
        result_reading.read_result(folder, name, class_tables.CITYSCAPES)
    except ValueError as error:  # The mutant is known here by the name it was copied from.
        copied = os.path.join(folder, results.mask_path(name, 0))
        raise ValueError(str(error).replace(copied, path)) from error


def _read_instances(path: str) -> None:
    truth.read_truth(Item("x", "x.png", path, path), class_tables.CITYSCAPES)


_READERS = {
    "image, PNG": pictures.read,
    "image, JPEG": pictures.read,
    "instance image, PNG": _read_instances,
    "mask of a result, PNG": _read_mask,
    "list of a result": lambda path: result_reading.read_lines(
        os.path.dirname(path), "x", class_tables.CITYSCAPES
    ),
    "preset, YAML": inference.load_config,
    "class table, YAML": class_tables.load_class_table,
    "fingerprint, JSON": fingerprint.read,
}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(kind: str, folder: str, first: str, end: str, report: str) -> None:
    """Reads the mutants `first` to `end`."""
    with open(report, "a", encoding="utf-8") as file:
        for number in range(int(first), int(end)):
            (name,) = os.listdir(os.path.join(folder, f"{number:04}"))
            before = _peak()
            error, is_ours = None, True
            try:
                _READERS[kind](os.path.join(folder, f"{number:04}", name))
            except Exception as raised:
                is_ours = isinstance(raised, OSError | ValueError)
                error = str(raised) if is_ours else f"{type(raised).__name__}: {raised}"
            outcome = {"error": error, "is_ours": is_ours, "growth": _peak() - before}
            file.write(json.dumps(outcome) + "\n")
            file.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
