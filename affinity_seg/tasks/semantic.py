"""The task that trains the semantic network."""

import tensorflow as tf
from official.core import task_factory
from official.vision.evaluation import segmentation_metrics
from official.vision.losses import segmentation_losses

from affinity_seg import common, labels
from affinity_seg.configs import experiments
from affinity_seg.losses import replicas
from affinity_seg.modeling import upsampling
from affinity_seg.tasks import base

_VOID = labels.VOID_CLASS


@task_factory.register_task_cls(experiments.SemanticTask)
class SemanticTask(base.SegmentationTask):
    """Softmax over the classes, Model Garden's segmentation loss and IoU.

    Model Garden's own semantic task differs in what must be ours: it resizes logits with
    half-pixel sampling, decodes labels with 8 bits and resizes images and labels apart.
    """

    @property
    def num_outputs(self) -> int:
        """The number of classes."""
        return self.class_table.num_classes

    def build_losses(self, labels, model_outputs, aux_losses=None, normalizer=None) -> tf.Tensor:
        """Mean cross-entropy over pixels of the global batch that are not void, plus weight decay.

        Model Garden's loss is the mean of this replica's pixels.
        """
        params = self.task_config.losses
        loss = segmentation_losses.SegmentationLoss(
            label_smoothing=0.0,
            class_weights=params.class_weights,
            ignore_label=_VOID,
            use_groundtruth_dimension=True,
            top_k_percent_pixels=params.top_k_percent_pixels,
        )
        classes = labels[common.LABEL_CLASSES]
        step = params.sample_stride
        sampled = classes[:, ::step, ::step, None]
        total = loss(self._upsampled(model_outputs, classes, step), sampled)
        scored = self.loss_weight(labels)
        divisor = replicas.mean_over_replicas(scored) if normalizer is None else normalizer
        total *= tf.math.divide_no_nan(scored, divisor)
        return total + tf.add_n(aux_losses) if aux_losses else total

    def loss_weight(self, labels) -> tf.Tensor:
        """Number of scored pixels that are not void."""
        step = self.task_config.losses.sample_stride
        classes = labels[common.LABEL_CLASSES][:, ::step, ::step]
        return tf.math.count_nonzero(classes != _VOID, dtype=tf.float32)

    def build_metrics(self, training: bool = True) -> list:
        """Nothing in training; the confusion matrix of a validation is kept in the task."""
        if not training:
            self._iou = segmentation_metrics.PerClassIoU(
                num_classes=self.num_outputs, name="per_class_iou", dtype=tf.float32
            )
        return []

    def process_metrics(self, metrics, labels, model_outputs, **kwargs) -> None:
        """Adds a validation batch to the confusion matrix."""
        classes = labels[common.LABEL_CLASSES][..., None]
        self._iou.update_state(
            {
                "masks": classes,
                "valid_masks": tf.not_equal(classes, _VOID),
                "image_info": tf.zeros([tf.shape(classes)[0], 4, 2]),
            },
            self._upsampled(model_outputs, classes[..., 0], 1),
        )

    def reduce_aggregated_logs(self, aggregated_logs, global_step=None) -> dict:
        """Adds the IoU of each class and the mean over the classes that occur."""
        logs = super().reduce_aggregated_logs(aggregated_logs, global_step)
        matrix = tf.convert_to_tensor(self._iou.total_cm)
        occurs = tf.reduce_sum(matrix, axis=0) + tf.reduce_sum(matrix, axis=1) > 0
        ious = self._iou.result()
        for name, iou in zip(self.class_table.class_names, ious.numpy(), strict=True):
            logs[f"iou/{name}"] = iou
        logs["mean_iou"] = tf.reduce_mean(tf.boolean_mask(ious, occurs))
        self._iou.reset_state()
        return logs

    def panels(self, images, truth, outputs) -> dict[str, tf.Tensor]:
        """Image, true classes and predicted classes in the class table's colours."""
        classes = truth[common.LABEL_CLASSES]
        logits = self._upsampled(outputs, classes, 1)
        colors = tf.constant([*self.class_table.colors, (128, 128, 128)], tf.uint8)
        void_last = tf.where(tf.equal(classes, _VOID), self.num_outputs, classes)
        return {
            "input": self.image_panel(images),
            "classes_truth": tf.gather(colors, void_last),
            "classes_prediction": tf.gather(colors, tf.argmax(logits, axis=-1)),
        }

    def _upsampled(self, outputs: dict, classes: tf.Tensor, step: int) -> tf.Tensor:
        """Logits [B, h, w, K] at every `step`-th pixel of classes int32 [B, H, W]."""
        height, width = -(-classes.shape[1] // step), -(-classes.shape[2] // step)
        stride = self.task_config.model.output_stride // step
        logits = upsampling.upsample_logits(outputs["logits"], stride, height, width)
        return tf.ensure_shape(logits, [None, height, width, self.num_outputs])
