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
from affinity_seg.tasks import metrics as metrics_lib

_RATES = ("accuracy", "precision", "recall")


@task_factory.register_task_cls(experiments.AffinityTask)
class AffinityTask(base.SegmentationTask):
    """Sigmoid cross-entropy on pixel pairs; their targets are computed inside the step."""

    @property
    def num_outputs(self) -> int:
        """Eight channels for each distance."""
        return neighbors.num_channels(self.task_config.distances)

    def build_losses(self, labels, model_outputs, aux_losses=None, normalizer=None) -> tf.Tensor:
        """Mean cross-entropy over scored pairs, plus weight decay."""
        total = affinity_loss.affinity_loss(
            model_outputs["logits"],
            labels[common.LABEL_INSTANCES],
            output_stride=self.task_config.model.output_stride,
            hard_pairs=self.task_config.losses.top_k_percent_pairs,
            normalizer=normalizer,
            **self._pair_arguments(labels),
        )
        return total + tf.add_n(aux_losses) if aux_losses else total

    def loss_weight(self, labels) -> tf.Tensor:
        """Weights of all scored pairs."""
        return affinity_loss.weight_sum(
            labels[common.LABEL_INSTANCES], **self._pair_arguments(labels)
        )

    def build_metrics(self, training: bool = True) -> list[tf_keras.metrics.Metric]:
        """Means of a validation, over all distances ("recall") and for each ("recall/8").

        Accuracy over scored pairs, precision and recall of "same instance", and for each distance
        the loss; over all distances also the average precision.
        """
        if training:
            return []
        groups = ["", *(f"/{distance}" for distance in self.task_config.distances)]
        names = [f"{name}{group}" for group in groups for name in _RATES]
        names += [f"pair_loss{group}" for group in groups[1:]]
        means = [tf_keras.metrics.Mean(name) for name in names]
        return [metrics_lib.AveragePrecision(), *means]

    def process_metrics(self, metrics, labels, model_outputs, **kwargs) -> None:
        """Adds a validation batch to the metrics."""
        if not metrics:
            return
        found = affinity_loss.pair_statistics(
            model_outputs["logits"],
            labels[common.LABEL_INSTANCES],
            output_stride=self.task_config.model.output_stride,
            **self._pair_arguments(labels),
        )
        parts = []
        for counts in (tf.reduce_sum(found.counts, axis=0), *tf.unstack(found.counts)):
            true_positive, false_positive, false_negative, true_negative = tf.unstack(counts)
            parts += [
                (true_positive + true_negative, tf.reduce_sum(counts)),
                (true_positive, true_positive + false_positive),
                (true_positive, true_positive + false_negative),
            ]
        parts += zip(tf.unstack(found.loss_sums), tf.unstack(found.weight_sums), strict=True)
        average_precision, *means = metrics
        average_precision.update_state(found.histograms)
        for metric, (total, weight) in zip(means, parts, strict=True):
            metric.update_state(tf.math.divide_no_nan(total, weight), sample_weight=weight)

    def _pair_arguments(self, labels) -> dict:
        """Which pairs there are, and their weights: arguments of `affinity_loss`."""
        losses = self.task_config.losses
        arguments = {
            "distances": self.task_config.distances,
            "sample_stride": losses.sample_stride,
            "background_pair_weight": losses.background_pair_weight,
            "other_instance_pair_weight": losses.other_instance_pair_weight,
        }
        if losses.class_weights:
            weights = tf.constant([*losses.class_weights, 0.0])  # Void is not scored.
            classes = tf.minimum(labels[common.LABEL_CLASSES], self.class_table.num_classes)
            arguments["pixel_weights"] = tf.gather(weights, classes)
        return arguments

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
