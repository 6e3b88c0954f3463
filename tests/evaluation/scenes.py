"""Small data sets and results made by hand."""

import os

import cv2
import numpy as np

from affinity_seg import class_tables, labels
from affinity_seg.data.items import Item
from affinity_seg.evaluation import result_writing, results
from affinity_seg.instances import Instances

CAR, PERSON, BUS, BICYCLE = 3, 1, 5, 8  # class indices
TABLE = labels.ClassTable(name="shapes", class_names=("background", "a", "b"), label_ids=(7, 9))
CELLS = labels.ClassTable(
    name="cells", class_names=("background", "cell"), label_ids=(1,), encoding="ids"
)


def write_truth(folder, name: str, values: np.ndarray) -> Item:
    """Writes an instance image as a data set has it, 16 bits."""
    path = os.path.join(folder, f"{name}_gtFine_instanceIds.png")
    assert cv2.imwrite(path, values.astype(np.uint16))
    return Item(name, f"{name}.png", f"{name}.png", path)


def boxes(height: int, width: int, *where: tuple[int, int, int, int]) -> np.ndarray:
    """Returns ids 1, 2, .. in the boxes (y0, x0, y1, x1), int32."""
    ids = np.zeros((height, width), np.int32)
    for number, (y0, x0, y1, x1) in enumerate(where, start=1):
        ids[y0:y1, x0:x1] = number
    return ids


def instances(ids: np.ndarray, classes, scores) -> Instances:
    return Instances(ids, np.array(classes, np.int32), np.array(scores, np.float32))


TWO_IDS = boxes(20, 30, (0, 0, 5, 6), (8, 10, 20, 30))


def write_two(results_dir, name: str) -> None:
    """Writes the result of an image with a car and a bus in `TWO_IDS`."""
    found = instances(TWO_IDS, [CAR, BUS], [0.9, 1 / 3])
    result_writing.write_result(results_dir, name, found, class_tables.CITYSCAPES)


def write_boxes(results_dir, item, table, size, *predictions) -> None:
    """Writes predictions (class index, score, box), which may overlap, as the format has them."""
    os.makedirs(os.path.join(results_dir, "masks"), exist_ok=True)
    with open(results.result_path(results_dir, item.name), "w", encoding="utf-8") as file:
        for index, (class_index, score, box) in enumerate(predictions):
            mask = f"masks/{item.name}_{index:04d}.png"
            pixels = (255 * boxes(*size, box)).astype(np.uint8)
            cv2.imwrite(os.path.join(results_dir, mask), pixels)
            file.write(f"{mask} {table.label_ids[class_index - 1]} {score}\n")
