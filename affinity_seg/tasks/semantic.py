"""What the semantic channels of a network learn, and how a validation scores them."""

import numpy as np
import tensorflow as tf

from affinity_seg import common, ious, labels
from affinity_seg.losses import semantic_loss
from affinity_seg.modeling import upsampling
from affinity_seg.tasks import metrics, objective


class SemanticObjective(objective.Objective):
    """Softmax over the classes.

    Model Garden's own semantic task cannot be used, because it resizes logits with half-pixel
    sampling, decodes labels with 8 bits, and resizes images and labels independently.
    """

    @property
    def num_outputs(self) -> int:
        """The number of classes."""
        return self.class_table.num_classes

    def initial_biases(self, foreground: float) -> np.ndarray:
        """Logits of classes that are all equally likely on the foreground."""
        others = self.num_outputs - 1
        return np.log([1 - foreground, *[foreground / others] * others])

    def loss(self, truth, logits, normalizer=None) -> tf.Tensor:
        """Mean cross-entropy over the pixels that are not void."""
        params = self.config.losses
        return semantic_loss.semantic_loss(
            logits,
            truth[common.LABEL_CLASSES],
            output_stride=self.config.model.output_stride,
            sample_stride=params.sample_stride,
            class_weights=params.class_weights,
            hard_pixel_share=params.hard_pixel_share,
            normalizer=normalizer,
        )

    def loss_weight(self, truth) -> tf.Tensor:
        """Number of scored pixels that are not void."""
        return semantic_loss.scored_pixels(
            truth[common.LABEL_CLASSES], sample_stride=self.config.losses.sample_stride
        )

    def count_shapes(self) -> dict[str, list[int]]:
        """A validation adds up the confusion matrix."""
        return {"confusion": [self.num_outputs, self.num_outputs]}

    def count(self, truth, logits) -> dict[str, tf.Tensor]:
        """Counts the pixels of an image by true and predicted class."""
        found = semantic_loss.confusion_matrix(
            logits,
            truth[common.LABEL_CLASSES],
            output_stride=self.config.model.output_stride,
        )
        return {"confusion": found}

    def scores(self, sums: dict[str, np.ndarray]) -> dict[str, float]:
        """IoU of each class and the mean over the classes that occur."""
        found, occurs = ious.of_classes(sums["confusion"])
        named = zip(self.class_table.class_names, found, strict=True)
        of_class = {f"iou/{name}": float(iou) for name, iou in named}
        return {**of_class, "mean_iou": metrics.ratio(found[occurs].sum(), occurs.sum())}

    def panels(self, truth, logits) -> dict[str, tf.Tensor]:
        """True classes and predicted classes in the class table's colours."""
        classes = truth[common.LABEL_CLASSES]
        stride = self.config.model.output_stride
        logits = upsampling.upsample_logits(logits, stride, *classes.shape[1:])
        colors = tf.constant([*self.class_table.colors, (128, 128, 128)], tf.uint8)
        void_last = tf.where(tf.equal(classes, labels.VOID_CLASS), self.num_outputs, classes)
        return {
            "classes_truth": tf.gather(colors, tf.cast(void_last, tf.int32)),
            "classes_prediction": tf.gather(colors, tf.argmax(logits, axis=-1)),
        }
