"""The task that trains the affinity network (paper 3.3)."""

import tensorflow as tf
import tf_keras
from official.core import task_factory

from affinity_seg import common, neighbors
from affinity_seg.configs import experiments
from affinity_seg.dataloaders import affinity_targets
from affinity_seg.losses import affinity_loss
from affinity_seg.modeling import upsampling
from affinity_seg.tasks import base


@task_factory.register_task_cls(experiments.AffinityTask)
class AffinityTask(base.SegmentationTask):
    """Sigmoid cross-entropy on pixel pairs; their targets are computed inside the step."""

    @property
    def num_outputs(self) -> int:
        """Eight channels for each distance."""
        return neighbors.num_channels(self.task_config.distances)

    def build_losses(self, labels, model_outputs, aux_losses=None) -> tf.Tensor:
        """Mean cross-entropy over scored pairs, plus weight decay."""
        params = self.task_config.losses
        total = affinity_loss.affinity_loss(
            model_outputs["logits"],
            labels[common.LABEL_INSTANCES],
            output_stride=self.task_config.model.output_stride,
            distances=self.task_config.distances,
            sample_stride=params.sample_stride,
            background_pair_weight=params.background_pair_weight,
            other_instance_pair_weight=params.other_instance_pair_weight,
        )
        return total + tf.add_n(aux_losses) if aux_losses else total

    def build_metrics(self, training: bool = True) -> list[tf_keras.metrics.Metric]:
        """Accuracy over scored pairs, precision and recall of "same instance" (validation)."""
        if training:
            return []
        return [tf_keras.metrics.Mean(name) for name in ("accuracy", "precision", "recall")]

    def process_metrics(self, metrics, labels, model_outputs, **kwargs) -> None:
        """Adds a validation batch to the metrics."""
        if not metrics:
            return
        counts = affinity_loss.affinity_counts(
            model_outputs["logits"],
            labels[common.LABEL_INSTANCES],
            output_stride=self.task_config.model.output_stride,
            distances=self.task_config.distances,
            sample_stride=self.task_config.losses.sample_stride,
        )
        true_positive, false_positive, false_negative, true_negative = tf.unstack(
            tf.reduce_sum(counts, axis=0)
        )
        accuracy, precision, recall = metrics
        for metric, hits, total in (
            (accuracy, true_positive + true_negative, tf.reduce_sum(counts)),
            (precision, true_positive, true_positive + false_positive),
            (recall, true_positive, true_positive + false_negative),
        ):
            metric.update_state(tf.math.divide_no_nan(hits, total), sample_weight=total)

    def panels(self, images, truth, outputs) -> dict[str, tf.Tensor]:
        """Image, and affinities averaged over directions: a row of maps, one for each distance."""
        instances = truth[common.LABEL_INSTANCES]
        step = self.task_config.losses.sample_stride
        maps = {"affinity_truth": [], "affinity_prediction": []}
        stride = self.task_config.model.output_stride
        for index, distance in enumerate(self.task_config.distances):
            targets, _ = affinity_targets.pair_targets(instances, distance, step)
            height, width = tf.shape(targets)[1], tf.shape(targets)[2]
            channels = outputs["logits"][..., 8 * index : 8 * index + 8]
            logits = upsampling.upsample_logits(channels, stride // step, height, width)
            maps["affinity_truth"].append(tf.cast(targets, tf.float32))
            maps["affinity_prediction"].append(tf.sigmoid(logits))
        pictures = {"input": self.image_panel(images)}
        for name, parts in maps.items():
            row = tf.concat([tf.reduce_mean(part, -1, keepdims=True) for part in parts], axis=2)
            pictures[name] = tf.saturate_cast(tf.repeat(row * 255, 3, axis=-1), tf.uint8)
        return pictures
