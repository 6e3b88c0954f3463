"""The pictures of a report, small enough for a page with many of them."""

import cv2
import numpy as np

from affinity_seg import grids
from affinity_seg.instances import Instances
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline.outputs import Outputs
from affinity_seg.pipeline.probabilities import predicted_classes
from affinity_seg.visualization import layout, overlays
from affinity_seg.visualization.semantic import draw_semantic

MAX_SIDE = 600
"""Longer side of a panel, pixels."""

_JPEG_QUALITY = 65


def draw_panels(found: Outputs, class_table: ClassTable) -> dict[str, np.ndarray]:
    """Draws image, truth if there is one, semantic prediction and instances.

    Instances have no labels, which would hide small ones.

    Args:
      found: The image and what a run made of it.
      class_table: The classes.

    Returns:
      uint8 RGB by caption, no side longer than `MAX_SIDE`.
    """
    image = _fitted(found.image)

    def draw(instances: Instances) -> np.ndarray:
        small = instances._replace(instance_ids=_fitted_ids(instances.instance_ids))
        return overlays.draw_instances(image, small, class_table, has_labels=False)

    panels = {"image": image}
    if found.truth is not None:
        ids, classes = found.truth.instance_ids, found.truth.instance_classes
        panels[f"truth ({len(classes)})"] = draw(Instances(ids, classes, None))
    semantic = _fitted_ids(predicted_classes(found.prediction))
    height = layout.enlargement(*image.shape[:2]) * image.shape[0]
    # The legend is cut off, because the page has one for all images.
    panels["semantic prediction"] = draw_semantic(image, semantic, class_table)[:height]
    instances = overlays.paint(found.instances, *found.image.shape[:2])
    panels[f"prediction ({len(found.instances)})"] = draw(instances)
    return {caption: _fitted(panel) for caption, panel in panels.items()}


def to_jpeg(picture: np.ndarray) -> bytes:
    """Returns an RGB picture as JPEG, with colours at full resolution because contours are thin."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    flags += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), flags)[1].tobytes()


def _fitted(image: np.ndarray) -> np.ndarray:
    """Returns an image with no side longer than `MAX_SIDE`."""
    height, width = _fitted_size(*image.shape[:2])
    if (height, width) == image.shape[:2]:
        return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _fitted_ids(ids: np.ndarray) -> np.ndarray:
    """Returns a map of ids, [H, W], as `_fitted` returns an image."""
    return grids.ids_by_area(ids, *_fitted_size(*ids.shape)).numpy()


def _fitted_size(height: int, width: int) -> tuple[int, int]:
    scale = min(1, MAX_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
