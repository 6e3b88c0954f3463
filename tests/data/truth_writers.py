"""Writes objects as each form of truth, for tests."""

import json
import os

import cv2
import numpy as np
import roifile
import tifffile
from pycocotools import mask as coco_mask

from affinity_seg.export import outlines

SIZE = (40, 60)
CLASSES = ("cell", "leaf")
"""Object i, from 0, is of class i % 2."""


def objects() -> np.ndarray:
    """Returns ids of seven objects without holes, some of which touch, int32 [H, W]."""
    ids = np.zeros(SIZE, np.int32)
    for number, (y, x, height, width) in enumerate(
        [(2, 3, 9, 12), (2, 15, 9, 7), (11, 3, 5, 19), (20, 30, 19, 4), (20, 34, 8, 20),
         (30, 40, 1, 1), (0, 55, 12, 5)],
        start=1,
    ):  # fmt: skip
        ids[y : y + height, x : x + width] = number
    ids[5:7, 3:6] = 0  # A bay.
    return ids


def class_of(number: int) -> str:
    return CLASSES[(number - 1) % 2]


def write_image(folder, name="a", size=SIZE) -> None:
    os.makedirs(os.path.join(folder, "images"), exist_ok=True)
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    cv2.imwrite(os.path.join(folder, "images", f"{name}.png"), image)


def write_json(path, content) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file)


def polygons(mask) -> list[list[list[int]]]:
    """Returns the corners of the parts of a mask."""
    found = outlines.trace(mask)
    assert not any(polygon.holes for polygon in found)
    return [polygon.shell.tolist() for polygon in found]


def masks_of(ids) -> dict[int, np.ndarray]:
    return {int(number): ids == number for number in np.unique(ids[ids > 0])}


def as_png(folder, ids) -> None:
    os.makedirs(os.path.join(folder, "instances"))
    cv2.imwrite(os.path.join(folder, "instances", "a.png"), ids.astype(np.uint16))


def as_tiff(dtype):
    def write(folder, ids):
        os.makedirs(os.path.join(folder, "instances"))
        tifffile.imwrite(os.path.join(folder, "instances", "a.tif"), ids.astype(dtype))

    return write


def as_masks(folder, ids) -> None:
    os.makedirs(os.path.join(folder, "masks", "a"))
    for number, mask in masks_of(ids).items():
        path = os.path.join(folder, "masks", "a", f"{number:03d}.png")
        cv2.imwrite(path, np.uint8(255) * mask)


def as_bowl(folder, ids) -> None:
    as_masks(folder, ids)
    os.makedirs(os.path.join(folder, "a"))
    os.rename(os.path.join(folder, "masks", "a"), os.path.join(folder, "a", "masks"))
    os.rmdir(os.path.join(folder, "masks"))
    os.rename(os.path.join(folder, "images"), os.path.join(folder, "a", "images"))


def coco(ids, segmentation) -> dict:
    """Returns the content of a COCO file; `segmentation` makes a shape of a mask."""
    return {
        "images": [{"id": 7, "file_name": "a.png", "height": SIZE[0], "width": SIZE[1]}],
        "categories": [{"id": 3 + i, "name": name} for i, name in enumerate(CLASSES)],
        "annotations": [
            {
                "id": number,
                "image_id": 7,
                "category_id": 3 + CLASSES.index(class_of(number)),
                "segmentation": segmentation(mask),
                "iscrowd": 0,
            }
            for number, mask in masks_of(ids).items()
        ],
    }


def as_polygons(mask) -> list[list[int]]:
    return [np.ravel(corners).tolist() for corners in polygons(mask)]


def as_counts(mask) -> dict:
    flat = mask.ravel(order="F")
    ends = np.append(np.flatnonzero(np.diff(flat)) + 1, flat.size)
    counts = np.diff(ends, prepend=0).tolist()
    return {"size": list(mask.shape), "counts": [0, *counts] if flat[0] else counts}


def as_text(mask) -> dict:
    rle = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": list(mask.shape), "counts": rle["counts"].decode()}


def as_coco(segmentation):
    def write(folder, ids):
        write_json(os.path.join(folder, "instances.json"), coco(ids, segmentation))

    return write


def labelme(ids) -> dict:
    return {
        "version": "5.4.1",
        "imagePath": "a.png",
        "imageData": None,
        "imageHeight": SIZE[0],
        "imageWidth": SIZE[1],
        "shapes": [
            {
                "label": class_of(number),
                "points": corners,
                "group_id": number,
                "shape_type": "polygon",
            }
            for number, mask in masks_of(ids).items()
            for corners in polygons(mask)
        ],
    }


def as_labelme(folder, ids) -> None:
    write_json(os.path.join(folder, "images", "a.json"), labelme(ids))


def as_geojson(folder, ids) -> None:
    features = [
        {
            "type": "Feature",
            "geometry": {
                "type": "MultiPolygon",
                "coordinates": [[[*corners, corners[0]]] for corners in polygons(mask)],
            },
            "properties": {"classification": {"name": class_of(number)}},
        }
        for number, mask in masks_of(ids).items()
    ]
    content = {"type": "FeatureCollection", "features": features}
    write_json(os.path.join(folder, "geojson", "a.geojson"), content)


def as_rois(folder, ids) -> None:
    os.makedirs(os.path.join(folder, "rois"))
    regions = [
        roifile.ImagejRoi.frompoints(np.array(corners, np.int32), name=str(number))
        for number, mask in masks_of(ids).items()
        for corners in polygons(mask)
    ]
    roifile.roiwrite(os.path.join(folder, "rois", "a.zip"), regions)


FORMS = {
    "PNG, 16 bits": as_png,
    **{f"TIFF, {d}": as_tiff(d) for d in ("uint8", "uint16", "uint32", "int32", "float32", ">u2")},
    "masks": as_masks,
    "Data Science Bowl": as_bowl,
    "COCO, polygons": as_coco(as_polygons),
    "COCO, counts": as_coco(as_counts),
    "COCO, text": as_coco(as_text),
    "LabelMe": as_labelme,
    "GeoJSON": as_geojson,
    "ImageJ": as_rois,
}
