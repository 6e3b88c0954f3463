"""The task that trains the affinity network (paper 3.3)."""

import numpy as np
import tensorflow as tf
from official.core import task_factory

from affinity_seg import common, neighbors
from affinity_seg.configs import experiments
from affinity_seg.losses import affinity_loss, affinity_targets
from affinity_seg.modeling import upsampling
from affinity_seg.tasks import base, metrics


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
            hard_pair_share=self.task_config.losses.hard_pair_share,
            normalizer=normalizer,
            **self._pair_arguments(labels),
        )
        return total + tf.add_n(aux_losses) if aux_losses else total

    def loss_weight(self, labels) -> tf.Tensor:
        """Weights of all scored pairs."""
        return affinity_loss.weight_sum(
            labels[common.LABEL_INSTANCES], **self._pair_arguments(labels)
        )

    def count_shapes(self) -> dict[str, list[int]]:
        """The sums of a validation, see `affinity_loss.PairStatistics`."""
        count = len(self.task_config.distances)
        return {
            "histograms": [count, 2, affinity_loss.NUM_BINS],
            "loss_sums": [count],
            "weight_sums": [count],
        }

    def count(self, labels, outputs) -> dict[str, tf.Tensor]:
        """Counts the pairs of an image and adds up their losses."""
        found = affinity_loss.pair_statistics(
            outputs["logits"],
            labels[common.LABEL_INSTANCES],
            output_stride=self.task_config.model.output_stride,
            **self._pair_arguments(labels),
        )
        return found._asdict()

    def scores(self, sums: dict[str, np.ndarray]) -> dict[str, float]:
        """Scores over all distances ("recall") and for each ("recall/8").

        Average precision, and at affinity 0.5 accuracy, precision and recall, of "same instance"
        over the scored pairs, all alike; for each distance also the weighted loss ("pair_loss/8").
        """
        histograms = sums["histograms"]
        total = histograms.sum(axis=0)
        found = {"average_precision": metrics.average_precision(total), **metrics.rates(total)}
        columns = zip(
            self.task_config.distances,
            histograms,
            sums["loss_sums"],
            sums["weight_sums"],
            strict=True,
        )
        for distance, histogram, loss, weight in columns:
            of_distance = {**metrics.rates(histogram), "pair_loss": metrics.ratio(loss, weight)}
            found |= {f"{name}/{distance}": value for name, value in of_distance.items()}
        return found

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
            arguments["pixel_weights"] = tf.gather(weights, tf.cast(classes, tf.int32))
        return arguments

    def panels(self, first) -> dict[str, tf.Tensor]:
        """Image, and affinities averaged over directions: a row of maps, one for each distance."""
        instances = first[common.LABEL_INSTANCES]
        step = self.task_config.losses.sample_stride
        maps = {"affinity_truth": [], "affinity_prediction": []}
        stride = self.task_config.model.output_stride
        for index, distance in enumerate(self.task_config.distances):
            targets = affinity_targets.pair_targets(instances, distance, step).targets
            height, width = tf.shape(targets)[1], tf.shape(targets)[2]
            channels = first["logits"][..., 8 * index : 8 * index + 8]
            logits = upsampling.upsample_logits(channels, stride // step, height, width)
            maps["affinity_truth"].append(tf.cast(targets, tf.float32))
            maps["affinity_prediction"].append(tf.sigmoid(logits))
        pictures = {"input": self.image_panel(first["images"])}
        for name, parts in maps.items():
            row = tf.concat([tf.reduce_mean(part, -1, keepdims=True) for part in parts], axis=2)
            pictures[name] = tf.saturate_cast(tf.repeat(row * 255, 3, axis=-1), tf.uint8)
        return pictures
