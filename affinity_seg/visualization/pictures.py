"""All pictures of one image: ground truth, the networks' predictions, and the instances."""

import os
from collections.abc import Mapping

import cv2
import numpy as np
import tensorflow as tf

from affinity_seg import names
from affinity_seg.evaluation.truth import Truth
from affinity_seg.instances import Instances
from affinity_seg.labels import ClassTable
from affinity_seg.modeling.upsampling import upsample_logits
from affinity_seg.pipeline.predictions import ImagePrediction
from affinity_seg.pipeline.probabilities import predicted_classes
from affinity_seg.visualization import affinity, layout
from affinity_seg.visualization.overlays import draw_instances
from affinity_seg.visualization.semantic import draw_semantic

PANEL_WIDTH = 480
"""Width of a panel of affinities, four in a row, pixels."""


def draw_pictures(
    name: str,
    image: np.ndarray,
    prediction: ImagePrediction,
    instances: Instances,
    truth: Truth | None,
    class_table: ClassTable,
) -> dict[str, np.ndarray]:
    """Returns the pictures instances, truth, semantic, affinity, directions and sheet.

    `affinity` has the boundary probability at each distance, `directions` every affinity
    channel of the largest region of interest (left out if there is no region), `sheet`
    everything but the directions side by side.

    Args:
      name: Key of the image, for messages.
      image: uint8 RGB [H, W, 3].
      prediction: The networks' logits.
      instances: The predicted instances.
      truth: The ground truth, or None.
      class_table: The classes.

    Returns:
      uint8 RGB by kind.

    Raises:
      ValueError: The parts are of different sizes.
    """
    if image.shape[:2] != (prediction.height, prediction.width):
        raise ValueError(
            f"{name}: the prediction must be as large as the image, {image.shape[:2]}: "
            f"{(prediction.height, prediction.width)}"
        )
    classes = predicted_classes(prediction)
    pictures = {
        "semantic": draw_semantic(image, classes, class_table),
        "instances": draw_instances(image, instances, class_table),
    }
    captions = {
        "image": image,
        "semantic prediction": pictures["semantic"],
        f"prediction: {len(instances.classes)} instances": pictures["instances"],
    }
    if truth is not None:
        drawn = Instances(truth.instance_ids, truth.instance_classes, None)
        pictures["truth"] = draw_instances(image, drawn, class_table)
        captions[f"truth: {len(truth.instance_classes)} instances"] = pictures["truth"]
    panels = affinity.boundary_panels(
        predicted_boundaries(prediction), prediction.distances, classes > 0, PANEL_WIDTH
    )
    pictures["affinity"] = layout.grid(panels, columns=4)
    if prediction.regions:
        pictures["directions"] = _directions(prediction)
    pictures["sheet"] = _sheet(captions, pictures["affinity"])
    return pictures


def write_pictures(output_dir: str, name: str, pictures: Mapping[str, np.ndarray]) -> str:
    """Writes <name>_<kind>.png for each picture of `draw_pictures`.

    Args:
      output_dir: Folder, made if needed.
      name: First part of the file names.
      pictures: uint8 RGB by kind.

    Returns:
      The path of the sheet.

    Raises:
      ValueError: The name is not allowed in a file name.
    """
    names.check(name, "`name`")
    for kind, picture in pictures.items():
        layout.write_png(os.path.join(output_dir, f"{name}_{kind}.png"), picture)
    return os.path.join(output_dir, f"{name}_sheet.png")


def predicted_boundaries(prediction: ImagePrediction) -> np.ndarray:
    """Returns the boundary probability at each distance, float32 [D, H, W].

    The probabilities are averaged over the directions at the resolution of the logits,
    then upsampled, averaged over flips and resized from each region's zoom to the image. Pixels
    outside all regions have probability 0.
    """
    boundary = np.zeros(
        (len(prediction.distances), prediction.height, prediction.width), np.float32
    )
    for item in prediction.regions:
        y0, x0, y1, x1 = item.region.box
        probabilities = tf.sigmoid(tf.cast(item.affinity_logits, tf.float32)).numpy()
        maps = np.stack(
            [affinity.boundary_probability(p, prediction.distances) for p in probabilities]
        )
        maps = upsample_logits(
            np.moveaxis(maps, 1, -1), prediction.affinity_stride, *item.zoomed_size
        ).numpy()
        mean = (maps[0] + maps[1, :, ::-1]) / 2 if len(maps) == 2 else maps[0]
        for target, values in zip(boundary, np.moveaxis(mean, -1, 0), strict=True):
            resized = cv2.resize(values, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
            target[y0:y1, x0:x1][item.region.mask] = resized[item.region.mask]
    return boundary


def _sheet(captions: dict[str, np.ndarray], affinities: np.ndarray) -> np.ndarray:
    """Returns pictures with their captions, two in a row, above the panels of affinities."""
    width = (affinities.shape[1] - 3 * layout.GAP) // 2
    panels = [
        layout.captioned(layout.resized(picture, width), caption)
        for caption, picture in captions.items()
    ]
    above = layout.grid(panels, columns=2)
    missing = affinities.shape[1] - above.shape[1]
    above = np.pad(above, ((0, 0), (0, missing), (0, 0)), constant_values=255)
    return np.concatenate([above, affinities])


def _directions(prediction: ImagePrediction) -> np.ndarray:
    """Returns every affinity channel of the largest region."""
    largest = max(prediction.regions, key=lambda item: np.count_nonzero(item.region.mask))
    logits = tf.cast(largest.affinity_logits[0], tf.float32)
    return affinity.direction_sheet(tf.sigmoid(logits).numpy(), prediction.distances)
