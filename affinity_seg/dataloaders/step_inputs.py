"""Makes the network's input and labels of a batch of crops, inside the step, on its device."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from affinity_seg import common, labels
from affinity_seg.dataloaders import parser


def split_labels(stored: tf.Tensor, class_table: labels.ClassTable) -> tuple[tf.Tensor, tf.Tensor]:
    """`labels.ClassTable.decode` in TensorFlow, see `losses.affinity_targets` for why in float32.

    Args:
      stored: float32 (or integers) [...], pixels as stored on disk, or `parser.OUTSIDE`, which is
        void.
      class_table: The data set's classes.

    Returns:
      classes: float32 [...], `labels.VOID_CLASS` where void.
      instances: float32 [...], 0 on background, `labels.VOID_INSTANCE` on void and group regions.
    """
    stored = tf.cast(stored, tf.int32)
    classes, instances = class_table.decode(np.arange(parser.OUTSIDE))
    classes = np.append(classes, labels.VOID_CLASS).astype(np.float32)
    instances = np.append(instances, labels.VOID_INSTANCE).astype(np.float32)
    return tf.gather(classes, stored), tf.gather(instances, stored)


def prepare(
    crops: dict[str, tf.Tensor],
    class_table: labels.ClassTable,
    normalize: Callable[[tf.Tensor], tf.Tensor],
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Makes the network's input and the labels of a batch.

    Because this runs on the device, the host transfers 7 bytes for each pixel instead of 20.

    Args:
      crops: A batch of what `parser.Parser` returns.
      class_table: The data set's classes.
      normalize: From images 0..255 to the network's float32 input.

    Returns:
      images: float32 [B, H, W, C], normalised; zero, the mean colour, outside the image.
      labels: {common.LABEL_CLASSES, common.LABEL_INSTANCES}: float32 [B, H, W], void outside.
    """
    stored = crops["instances"]
    inside = tf.not_equal(stored, parser.OUTSIDE)
    classes, instances = split_labels(stored, class_table)
    return tf.where(inside[..., None], normalize(crops["image"]), 0.0), {
        common.LABEL_CLASSES: classes,
        common.LABEL_INSTANCES: instances,
    }
