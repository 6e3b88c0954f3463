"""Instances drawn over their image: colour, contour, class and score."""

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

from affinity_seg.evaluation.results import Prediction
from affinity_seg.instances import Instances
from affinity_seg.labels import ClassTable
from affinity_seg.visualization import layout

CROWD = 0.1
"""Share of the picture that labels may cover before the instances smaller than theirs have none."""

FILL = 0.45
"""Share of an instance's colour inside its contour; the rest is the image."""


def instance_colors(count: int) -> np.ndarray:
    """Returns `count` distinguishable RGB colours, uint8 [count, 3].

    Hues follow the golden ratio, so consecutive colours have different hues. Saturation and
    brightness change with another period, so that colours of similar hues differ as well.
    """
    tones = ((0.90, 1.00), (0.55, 1.00), (0.95, 0.70), (0.70, 0.85), (0.40, 0.95))
    colors = [colorsys.hsv_to_rgb(i * 0.618034 % 1.0, *tones[i % len(tones)]) for i in range(count)]
    return np.rint(255 * np.array(colors).reshape(-1, 3)).astype(np.uint8)


def draw_instances(
    image: np.ndarray,
    instances: Instances,
    class_table: ClassTable,
    has_labels: bool = True,
) -> np.ndarray:
    """Draws every instance in its own colour, with contour, class name and score.

    Args:
      image: uint8 RGB [H, W, 3].
      instances: Its instances; if they have no scores, no scores are drawn.
      class_table: Gives the names of the classes.
      has_labels: Whether class names and scores are drawn.

    Returns:
      uint8 RGB, `layout.enlargement(H, W)` times the size of the image.

    Raises:
      ValueError: Image and instances are of different sizes.
    """
    if image.shape[:2] != instances.instance_ids.shape:
        raise ValueError(
            f"`instance_ids` must be as large as the image, {image.shape[:2]}: "
            f"{instances.instance_ids.shape}"
        )
    factor = layout.enlargement(*image.shape[:2])
    ids = layout.enlarge(instances.instance_ids, factor)
    colors = np.concatenate([np.zeros((1, 3), np.uint8), instance_colors(len(instances.classes))])
    inside = ids > 0
    canvas = layout.enlarge(image, factor)
    canvas[inside] = np.rint(
        (1 - FILL) * canvas[inside] + FILL * colors[ids[inside]].astype(np.float32)
    ).astype(np.uint8)
    contour = _contours(ids)
    canvas[contour] = colors[ids[contour]]
    if has_labels:
        _draw_labels(canvas, ids, instances, colors, class_table)
    return canvas


def paint(predictions: Sequence[Prediction], height: int, width: int) -> Instances:
    """Combines masks into one map; where they overlap the higher score is on top."""
    ids = np.zeros((height, width), np.int32)
    scores = np.array([prediction.score for prediction in predictions], np.float32)
    for index in np.argsort(scores, kind="stable"):
        ids[predictions[index].mask] = index + 1
    classes = np.array([prediction.class_index for prediction in predictions], np.int32)
    return Instances(ids, classes, scores)


def _contours(ids: np.ndarray) -> np.ndarray:
    """Returns the pixels of instances next to another id, two pixels deep, bool [H, W]."""
    kernel = np.ones((5, 5) if max(ids.shape) >= 512 else (3, 3), np.uint8)
    values = ids.astype(np.float32)  # exact up to 2^24 instances
    return (ids > 0) & (cv2.erode(values, kernel) != cv2.dilate(values, kernel))


def _draw_labels(
    canvas: np.ndarray,
    ids: np.ndarray,
    instances: Instances,
    colors: np.ndarray,
    class_table: ClassTable,
) -> None:
    """Writes class and score at each instance, largest first, in the instance's colour.

    Of the places that hide no earlier label, a label takes the one that hides the fewest pixels of
    instances. If there is no such place, the instance has no label. Neither have the instances that
    are smaller than their labels, if all labels together would cover too much, see `CROWD`.
    """
    scale = layout.text_scale(canvas.shape[1])
    taken = np.zeros(ids.shape, bool)
    boxes = _label_boxes(ids, len(instances.classes))
    areas = [(bottom - top) * (right - left) for top, left, bottom, right in boxes]
    texts = [class_table.class_names[class_index] for class_index in instances.classes]
    if instances.scores is not None:
        texts = [f"{text} {score:.2f}" for text, score in zip(texts, instances.scores, strict=True)]
    sizes = [layout.text_box(text, scale)[:2] for text in texts]
    is_crowded = sum(height * width for height, width in sizes) > CROWD * ids.size
    for index in np.argsort(areas, kind="stable")[::-1]:
        height, width = sizes[index]
        top, left, bottom, right = boxes[index]
        if bottom <= top or (is_crowded and areas[index] < height * width):
            continue
        center = (left + right - width) // 2
        places = [
            (top - height, center),
            (top, center),
            (bottom, center),
            (bottom - height, center),
        ]
        free = []
        for y, x in places:
            y = int(np.clip(y, 0, max(0, ids.shape[0] - height)))
            x = int(np.clip(x, 0, max(0, ids.shape[1] - width)))
            area = (slice(y, y + height), slice(x, x + width))
            if not taken[area].any():
                free.append((np.count_nonzero(ids[area]), len(free), area))
        if free:
            area = min(free)[2]
            taken[area] = True
            background = tuple(int(v) for v in colors[index + 1])
            layout.put_text(canvas, texts[index], area[0].start, area[1].start, scale, background)


def _label_boxes(ids: np.ndarray, count: int) -> list[tuple[int, int, int, int]]:
    """Returns (top, left, bottom, right), ends exclusive, of the largest part of each id 1..count.

    Zeros for an id without pixels.
    """
    y, x = np.nonzero(ids)
    starts, ends = np.full((count + 1, 2), max(ids.shape)), np.zeros((count + 1, 2), int)
    np.minimum.at(starts, ids[y, x], np.column_stack([y, x]))
    np.maximum.at(ends, ids[y, x], np.column_stack([y, x]) + 1)
    boxes = []
    for number in range(1, count + 1):
        (y0, x0), (y1, x1) = starts[number], ends[number]
        if y1 == 0:
            boxes.append((0, 0, 0, 0))
            continue
        mask = (ids[y0:y1, x0:x1] == number).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        parts = stats[1:]  # The first is the background.
        left, top, width, height, _ = parts[parts[:, 4].argmax()] + [x0, y0, 0, 0, 0]
        boxes.append((top, left, top + height, left + width))
    return boxes
