"""`csv`: a table with a row for each instance of all pictures."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from affinity_seg.export.formats.picture import SegmentedPicture

FILE_NAME = "measurements.csv"

_PROPERTIES = (
    "area",
    "centroid",
    "bbox",
    "axis_major_length",
    "axis_minor_length",
    "intensity_mean",
    "intensity_min",
    "intensity_max",
)

Table = dict[str, Sequence[Any]]


def convert(picture: SegmentedPicture) -> Table:
    """Returns the columns of a picture by their names.

    Coordinates count from the upper left corner of the picture, so the centre of its first pixel is
    (0.5, 0.5). The axes are those of the ellipse with the same second moments. Intensities are
    values of the picture's file, of any depth.
    """
    from skimage.measure import regionprops_table

    instances = picture.instances
    table = regionprops_table(instances.instance_ids, picture.intensities, properties=_PROPERTIES)
    half = 0.5  # scikit-image counts from the centre of the first pixel.
    pixels = {
        "area_px": table["area"].astype(int),
        "centroid_x_px": table["centroid-1"] + half,
        "centroid_y_px": table["centroid-0"] + half,
        "left_px": table["bbox-1"],
        "top_px": table["bbox-0"],
        "right_px": table["bbox-3"],
        "bottom_px": table["bbox-2"],
        "major_axis_px": table["axis_major_length"],
        "minor_axis_px": table["axis_minor_length"],
    }
    columns = {
        "image": [picture.name] * len(instances.classes),
        "id": range(1, len(instances.classes) + 1),
        "class": picture.class_names,
        "score": instances.scores.astype(float),
        **pixels,
    }
    if picture.pixel_size is not None:
        columns |= _micrometres(pixels, picture.pixel_size)
    for channel in range(picture.image.shape[2]):
        for kind in ("mean", "min", "max"):
            columns[f"{kind}_{channel + 1}"] = table[f"intensity_{kind}-{channel}"]
    return columns


def join(converted: Sequence[Table]) -> bytes:
    """Returns the file of the pictures; a column that a picture lacks is empty there."""
    names = dict.fromkeys(name for columns in converted for name in columns)
    file = io.StringIO()
    writer = csv.DictWriter(file, names, lineterminator="\n")
    writer.writeheader()
    for columns in converted:
        for values in zip(*columns.values(), strict=True):
            writer.writerow(dict(zip(columns, map(_shown, values), strict=True)))
    return file.getvalue().encode()


def _micrometres(pixels: Table, pixel_size: float) -> Table:
    """Returns lengths in micrometres and areas in square micrometres, under names of their own."""
    converted = {}
    for column, values in pixels.items():
        name = column.removesuffix("_px")
        if name == "area":
            converted["area_um2"] = values * pixel_size**2
        else:
            converted[f"{name}_um"] = values * pixel_size
    return converted


def _shown(value: Any) -> Any:
    """Returns a value as it stands in the table: fractions with six digits."""
    return f"{value:.6g}" if isinstance(value, float) else value
