"""Truth as a GeoJSON file for each image, as QuPath exports it: polygons with holes, in pixels.

The name of the classification is the class; without it an object has none. QuPath's class `Ignore*`
is void. Of a file with detections or cells only these are objects, and not the annotations in which
QuPath has looked for them. Of a cell the outline is read, and not that of its nucleus.
"""

from collections.abc import Iterator
from typing import Any

from affinity_seg import structured
from affinity_seg.data import annotated_shapes, mistakes
from affinity_seg.data.annotated_shapes import Point, require
from affinity_seg.data.object_masks import ObjectMask

IGNORED = "Ignore*"
"""The classification of void regions."""

_FOUND = ("detection", "cell", "PathDetectionObject", "PathCellObject")
"""Types of objects that QuPath has found, inside of others; the last two of early versions."""

_POLYGONS = {"Polygon": False, "MultiPolygon": True}
"""The geometries that are read, and whether they have several polygons."""

_PLANE = ("z", "t")
"""Where a geometry lies in a stack, fields of its `plane`."""


def class_names(path: str) -> set[str]:
    """Returns the names of the classifications of a file but `IGNORED`; without any, none.

    Raises:
      ValueError: The file is damaged or not of GeoJSON's form.
    """
    return {name for _, name, _ in _objects(path)[0] if name is not None} - {IGNORED}


def read(path: str, size: tuple[int, int]) -> list[ObjectMask]:
    """Reads the objects of an image.

    Args:
      path: The file.
      size: Height and width of the image.

    Raises:
      ValueError: The file is damaged, not of GeoJSON's form or of another image, some objects have
        a class and others none, they lie in several planes, or a geometry is no area.
    """
    objects, num_left_out = _objects(path)
    if num_left_out:
        mistakes.warn(
            f"{path}: of {num_left_out + len(objects)} objects only the detections and cells are "
            f"taken, {len(objects)}"
        )
    without = [where for where, name, _ in objects if name is None]
    if without and any(name not in (None, IGNORED) for _, name, _ in objects):
        raise ValueError(f"{without[0]}: must have a class, as other objects of the file have")
    found, planes = [], set()
    for where, name, geometry in objects:
        polygons = _polygons(where, geometry, size)
        planes.add(_plane(where, geometry))
        called = where.removeprefix(f"{path}: ")
        found.append(annotated_shapes.from_rings(called, name, polygons, size, name == IGNORED))
    if len(planes) > 1:
        raise ValueError(
            f"{path}: objects must be of one plane of a stack: they are of {len(planes)}; export "
            "those of each plane for its own image"
        )
    return found


def _objects(path: str) -> tuple[list[tuple[str, str | None, Any]], int]:
    """Returns place, class and geometry of each object, and how many others are left out."""
    everything = list(_features(path))
    kinds = [_kind(where, feature) for where, feature in everything]
    has_found = any(kind in _FOUND for kind in kinds)
    taken = [
        (where, _class_of(where, feature), feature.get("geometry"))
        for (where, feature), kind in zip(everything, kinds, strict=True)
        if not has_found or kind in _FOUND
    ]
    return taken, len(everything) - len(taken)


def _features(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the place and the fields of each feature."""
    content = structured.read_json(path)
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
        yield where, feature


def _properties(where: str, feature: dict[str, Any]) -> dict[str, Any]:
    properties = feature.get("properties") or {}
    return require(properties, dict, f"{where}: `properties`", "an object of JSON")


def _kind(where: str, feature: dict[str, Any]) -> Any:
    """Returns the type of an object, which early versions of QuPath store in another field."""
    return _properties(where, feature).get("objectType", feature.get("id"))


def _class_of(where: str, feature: dict[str, Any]) -> str | None:
    """Returns the class of an object; one of several names is called as QuPath shows it."""
    classification = _properties(where, feature).get("classification")
    if classification is None:
        return None
    where = f"{where}: `classification`"
    require(classification, dict, where, "an object of JSON")
    several = classification.get("names")
    names = [classification.get("name")] if several is None else several
    for name in require(names, list, f"{where}: `names`", "a list"):
        require(name, str, f"{where}: `name`", "a text")
    found = ": ".join(names)
    if not found.strip():
        raise ValueError(f"{where}: `name` must name a class: {found!r}")
    return found


def _plane(where: str, geometry: dict[str, Any]) -> tuple[Any, ...]:
    plane = geometry.get("plane") or {}
    require(plane, dict, f"{where}: `plane`", "an object of JSON")
    return tuple(plane.get(axis, 0) for axis in _PLANE)


def _polygons(where: str, geometry: Any, size: tuple[int, int]) -> list[list[list[Point]]]:
    """Returns the rings of each polygon of a geometry."""
    where = f"{where}: `geometry`"
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
    what = "rings of points"
    return [
        [annotated_shapes.ring(ring, size, where, what) for ring in rings] for rings in polygons
    ]
