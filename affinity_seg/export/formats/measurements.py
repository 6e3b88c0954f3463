"""`csv`: a table with a row for each instance of all pictures."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from affinity_seg.export.formats.picture import SegmentedPicture

FILE_NAME = "measurements.csv"

_SHAPE = (
    "axis_major_length", "axis_minor_length", "perimeter_crofton", "eccentricity", "orientation",
)  # fmt: skip
"""What scikit-image measures of a mask."""

_INTENSITIES = ("mean", "min", "max")

Table = dict[str, list[Any]]


def convert(picture: SegmentedPicture) -> Table:
    """Returns the columns of a picture by their names.

    Coordinates count from the upper left corner of the picture, so the centre of its first pixel is
    (0.5, 0.5). Axes, eccentricity and orientation, degrees, are those of the ellipse with the same
    second moments. Intensities are values of the picture's file, of any depth.
    """
    instances = picture.instances
    measured = _measured(picture)
    boxes = picture.cropped.boxes.T
    pixels = {
        "area_px": picture.cropped.sizes,
        "centroid_x_px": measured["centroid_x"],
        "centroid_y_px": measured["centroid_y"],
        "left_px": boxes[1],
        "top_px": boxes[0],
        "right_px": boxes[3],
        "bottom_px": boxes[2],
        "major_axis_px": measured["axis_major_length"],
        "minor_axis_px": measured["axis_minor_length"],
        "perimeter_px": measured["perimeter_crofton"],
    }
    columns: dict[str, Sequence[Any]] = {
        "image": [picture.name] * len(instances.classes),
        "id": range(1, len(instances.classes) + 1),
        "class": picture.class_names,
        "score": instances.scores.astype(float),
        **pixels,
        "eccentricity": measured["eccentricity"],
        "solidity": picture.cropped.sizes / measured["convex_area"],
        # scikit-image counts from the axis that points down.
        "orientation_deg": (np.degrees(measured["orientation"]) + 90) % 180,
    }
    if picture.pixel_size is not None:
        columns |= _micrometres(pixels, picture.pixel_size)
    for channel in range(measured["mean"].shape[1]):
        for kind in _INTENSITIES:
            columns[f"{kind}_{channel + 1}"] = measured[kind][:, channel]
    return {name: np.asarray(values).tolist() for name, values in columns.items()}


def _measured(picture: SegmentedPicture) -> dict[str, np.ndarray]:
    """Measures the instances one by one, each in its box."""
    from skimage.measure import regionprops

    cropped = picture.cropped
    measured: dict[str, list[Any]] = {
        name: [] for name in ("centroid_y", "centroid_x", "convex_area", *_SHAPE, *_INTENSITIES)
    }
    half = 0.5  # scikit-image counts from the centre of the first pixel.
    for number, box in enumerate(cropped.boxes.tolist(), start=1):
        mask = cropped.mask(number).astype(np.uint8)
        (region,) = regionprops(mask, picture.intensities(box))
        for axis, name in enumerate(("centroid_y", "centroid_x")):
            measured[name].append(region.centroid[axis] + box[axis] + half)
        measured["convex_area"].append(_convex_area(mask))
        for name in _SHAPE:
            measured[name].append(getattr(region, name))
        for name in _INTENSITIES:
            measured[name].append(getattr(region, f"intensity_{name}"))
    found = {name: np.array(values) for name, values in measured.items()}
    channels = picture.intensities((0, 0, 1, 1)).shape[2]
    return found | {name: found[name].reshape(-1, channels) for name in _INTENSITIES}


def _convex_area(mask: np.ndarray) -> float:
    """Returns the area of the convex hull of a mask, uint8, whose pixels are squares; pixels."""
    parts = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    pixels = np.concatenate(parts)  # [N, 1, (x, y)], of the upper left corners.
    corners = pixels + np.int32([[0, 0], [1, 0], [0, 1], [1, 1]])
    return cv2.contourArea(cv2.convexHull(corners.reshape(-1, 2)))


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


def _micrometres(pixels: dict[str, np.ndarray], pixel_size: float) -> dict[str, np.ndarray]:
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
