"""Networks that know the truth: what the chain around them loses (regions, zoom, windows, pasting).

They have the interface of `modeling.network.Network`. In place of an image they are given where
each of its pixels lies (`coordinates`). Bilinear zooming keeps such a picture exact, so that a
crop tells them which pixel of the truth is the nearest to each of its own, whatever was cut,
zoomed, mirrored or padded.
"""

import numpy as np
import tensorflow as tf

from affinity_seg import labels, neighbors
from checks.true_predictions import one_hot_semantics, true_affinities

MARGIN = 8.0
"""Logits are this, or minus this."""

_IMAGES = tf.TensorSpec([None, None, None, 3])


def coordinates(height: int, width: int) -> np.ndarray:
    """Returns what stands for an image, float32 [H, W, 3]: y, x and 1, pixels."""
    y, x = np.indices((height, width), np.float32)
    return np.stack([y, x, np.ones_like(y)], axis=-1)


class TrueNetwork:
    """Answers with the truth of an image.

    Attributes:
      kind: "semantic" or "affinity".
      output_stride: Input pixels per logit.
      feature_stride: The same: tiles are cut at these.
      class_table: The classes.
      distances: Distances of the affinity channels, pixels; None for the semantic network.
      num_channels: Channels of the images.
      num_outputs: Channels of its logits.
    """

    def __init__(
        self,
        kind: str,
        classes: np.ndarray,
        instances: np.ndarray,
        class_table: labels.ClassTable,
        output_stride: int = 1,
        distances: tuple[int, ...] = neighbors.DISTANCES,
    ):
        """Takes the truth.

        Args:
          kind: "semantic" or "affinity".
          classes: int32 [H, W], class index, `labels.VOID_CLASS` where void.
          instances: int32 [H, W], above 0 in instances.
          class_table: The classes.
          output_stride: Input pixels per logit.
          distances: Distances of the affinity channels, pixels.
        """
        self.kind = kind
        self.output_stride = output_stride
        self.feature_stride = output_stride
        self.class_table = class_table
        self.distances = distances if kind == "affinity" else None
        is_affinity = kind == "affinity"
        self.num_channels = 3
        self.num_outputs = (
            neighbors.num_channels(distances) if is_affinity else class_table.num_classes
        )
        self.variables = []
        self._classes = classes
        self._instances = instances

    def stretch_contrast(self, image: np.ndarray, histogram: tf.Tensor | None = None) -> tf.Tensor:
        """Returns `image`."""
        return tf.convert_to_tensor(image)

    def normalize(self, images: tf.Tensor) -> tf.Tensor:
        """Returns `images`: padding with zeros stays apart, because its third channel is not 1."""
        return images

    def logits(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the logits of float32 [B, H, W, 3], see `coordinates`; also inside a graph."""
        answers = tf.numpy_function(self._answers, [images], tf.float32)
        return tf.ensure_shape(answers, [images.shape[0], None, None, self.num_outputs])

    @tf.function(input_signature=[_IMAGES, tf.TensorSpec([4], tf.int32)])
    def encode(self, images: tf.Tensor, box: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Returns the logits of a tile; the truth needs no mean of features."""
        return [self.logits(images)], tf.zeros([tf.shape(images)[0], 1])

    def decode(self, encoded: list[np.ndarray], context: tf.Tensor) -> tf.Tensor:
        """Returns the logits that `encode` has given."""
        return tf.convert_to_tensor(encoded[0])

    def truth(self, image: np.ndarray) -> np.ndarray:
        """Returns what is true of each pixel of an image, see `coordinates`.

        Args:
          image: float32 [H, W, 3].

        Returns:
          float [H, W, num_outputs], from 0 to 1.
        """
        is_inside = image[..., 2] > 0
        y, x = (np.where(is_inside, np.floor(image[..., i] + 0.5), 0).astype(int) for i in (0, 1))
        if self.kind == "semantic":
            classes = np.where(is_inside, self._classes[y, x], 0)
            return one_hot_semantics(classes, self.class_table.num_classes)
        return true_affinities(np.where(is_inside, self._instances[y, x], 0), self.distances)

    def _answers(self, images: np.ndarray) -> np.ndarray:
        step = self.output_stride
        answers = None
        for i, image in enumerate(images):
            truth = self.truth(image)[::step, ::step]
            if answers is None:
                answers = np.empty((len(images), *truth.shape), np.float32)
            np.multiply(truth, 2 * MARGIN, out=answers[i])
            answers[i] -= MARGIN
        return answers
