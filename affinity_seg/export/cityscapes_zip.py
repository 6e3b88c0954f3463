"""Writes the archive for the Cityscapes benchmark server, instance-level semantic labelling.

It holds exactly these files:

    <name>_pred.txt            one line per instance: "masks/<name>_0000.png <label id> <score>"
    masks/<name>_<nnnn>.png    its mask, 8-bit, 0 or 255, as large as the image

The rules are those in the head of `cityscapesscripts.evaluation.evalInstanceLevelSemanticLabeling`.
"""

import re
import zipfile
from collections.abc import Sequence

from affinity_seg import files
from affinity_seg.data.items import Item
from affinity_seg.evaluation import cityscapes, results
from affinity_seg.export.reading import ImageResult, read_results
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline.filters import KEEP_ALL, InstanceFilter

_NAME = re.compile(r"[^\s_]+_\d{6}_\d{6}")
"""City, sequence and frame, by which the official program finds a result."""

_TIME = (1980, 1, 1, 0, 0, 0)
"""Date of every entry, the earliest of the zip format, so that equal results give equal bytes."""

_MODE = 0o644 << 16
_UNIX = 3


def write_zip(
    items: Sequence[Item],
    results_dir: str,
    class_table: ClassTable,
    path: str,
    instance_filter: InstanceFilter = KEEP_ALL,
) -> int:
    """Checks the results and writes the archive, which appears only when it is complete.

    No ground truth is needed. Masks are encoded again and numbered from 0 in each image, with one
    path for each line. Equal results give equal bytes with the same versions of zlib and OpenCV.

    Args:
      items: The images of a split, sorted by name.
      results_dir: Folder of the results.
      class_table: Classes whose label ids are those of Cityscapes.
      path: File of the archive; its folder is made if needed.
      instance_filter: Which instances are written.

    Returns:
      The number of instances.

    Raises:
      FileNotFoundError: Images without result (all are listed), a missing mask or image.
      ValueError: The classes are not those of Cityscapes, the name of an image is not
        <city>_<sequence>_<frame>, or a result breaks the format.
    """
    cityscapes.check_classes(class_table)
    for item in items:
        if not _NAME.fullmatch(item.name):
            raise ValueError(
                f"{item.image_path}: the Cityscapes benchmark takes names "
                f"<city>_<six digits>_<six digits> without blanks: {item.name!r}"
            )
    count = 0
    with files.atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for result in read_results(items, results_dir, class_table, instance_filter):
            _add_result(archive, result, class_table)
            count += len(result.predictions)
    return count


def _add_result(archive: zipfile.ZipFile, result: ImageResult, class_table: ClassTable) -> None:
    """Adds the text file of an image and its masks."""
    name = result.item.name
    lines, masks = [], {}
    for index, prediction in enumerate(result.predictions):
        path = results.mask_path(name, index)
        masks[path] = results.encode_mask(prediction.mask)
        lines.append(
            results.format_line(path, prediction.class_index, prediction.score, class_table)
        )
    _add(archive, results.result_path("", name), "".join(lines).encode())
    for path, content in masks.items():
        _add(archive, path, content)


def _add(archive: zipfile.ZipFile, path: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(path, _TIME)
    entry.create_system, entry.external_attr = _UNIX, _MODE
    # This makes masks five times smaller, because OpenCV compresses PNG for speed.
    archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
