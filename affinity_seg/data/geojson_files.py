"""Truth as a GeoJSON file for each image, as QuPath exports it: polygons with holes, in pixels.

The name of the classification is the class; without it an object has none. QuPath's class `Ignore*`
is void. Of the nuclei and cells of QuPath's cell detection the outline of the cell is read.
"""

from collections.abc import Iterator
from typing import Any

from affinity_seg import structured
from affinity_seg.data import annotated_shapes
from affinity_seg.data.annotated_shapes import Point, require
from affinity_seg.data.object_masks import ObjectMask

IGNORED = "Ignore*"
"""The classification of void regions."""

_POLYGONS = {"Polygon": False, "MultiPolygon": True}
"""The geometries that are read, and whether they have several polygons."""


def class_names(path: str) -> set[str]:
    """Returns the names of the classifications of a file but `IGNORED`; without any, none.

    Raises:
      ValueError: The file is damaged or not of GeoJSON's form.
    """
    return {name for _, name, _ in _features(path) if name is not None} - {IGNORED}


def read(path: str, size: tuple[int, int]) -> list[ObjectMask]:
    """Reads the objects of an image.

    Args:
      path: The file.
      size: Height and width of the image.

    Raises:
      ValueError: The file is damaged, not of GeoJSON's form or of another image, or has a geometry
        that is no area.
    """
    found = []
    for where, name, feature in _features(path):
        polygons = _polygons(f"{where}: `geometry`", feature.get("geometry"), size)
        called = where.removeprefix(f"{path}: ")
        found.append(annotated_shapes.from_rings(called, name, polygons, size, name == IGNORED))
    return found


def _features(path: str) -> Iterator[tuple[str, str | None, dict[str, Any]]]:
    """Yields the place, class and fields of each feature."""
    with open(path, "rb") as file:
        content = structured.parse_json(file.read(), path)
    if isinstance(content, dict) and content.get("type") == "FeatureCollection":
        content = content.get("features")
    elif isinstance(content, dict) and content.get("type") == "Feature":
        content = [content]
    what = "a FeatureCollection, a Feature or a list of Features of GeoJSON"
    for number, feature in enumerate(require(content, list, path, what), start=1):
        where = f"{path}: feature {number}"
        require(feature, dict, where, "an object of JSON")
        if feature.get("type") != "Feature":
            raise ValueError(
                f"{where}: `type` must be Feature: {structured.shown(feature.get('type'))}"
            )
        yield where, _class_of(where, feature), feature


def _class_of(where: str, feature: dict[str, Any]) -> str | None:
    properties = feature.get("properties") or {}
    require(properties, dict, f"{where}: `properties`", "an object of JSON")
    classification = properties.get("classification")
    if classification is None:
        return None
    where = f"{where}: `classification`"
    require(classification, dict, where, "an object of JSON")
    name = require(classification.get("name"), str, f"{where}: `name`", "a text")
    if not name.strip():
        raise ValueError(f"{where}: `name` must name a class: {name!r}")
    return name


def _polygons(where: str, geometry: Any, size: tuple[int, int]) -> list[list[list[Point]]]:
    """Returns the rings of each polygon of a geometry."""
    kind = require(geometry, dict, where, "an object of JSON").get("type")
    if kind not in _POLYGONS:
        raise ValueError(
            f"{where}: `type` must be Polygon or MultiPolygon: {structured.shown(kind)}; draw an "
            "area or remove it"
        )
    where = f"{where}: `coordinates`"
    listed = require(geometry.get("coordinates"), list, where, "a list")
    polygons = listed if _POLYGONS[kind] else [listed]
    if not all(require(rings, list, where, "lists of rings") for rings in polygons) or not polygons:
        raise ValueError(f"{where} must have a ring: {structured.shown(listed)}")
    return [[_ring(where, ring, size) for ring in rings] for rings in polygons]


def _ring(where: str, ring: Any, size: tuple[int, int]) -> list[Point]:
    """Returns the corners of a ring, which GeoJSON closes by its first corner."""
    flat = []
    for point in require(ring, list, where, "rings of points"):
        if len(require(point, list, where, "points of x and y")) < 2:
            raise ValueError(f"{where} must have x and y of each point: {point}")
        flat += point[:2]
    is_closed = len(flat) >= 4 and flat[:2] == flat[-2:]
    return annotated_shapes.corners(flat[:-2] if is_closed else flat, size, where)
