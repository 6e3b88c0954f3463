"""What the affinity channels of a network learn (paper 3.3), and how a validation scores them."""

import numpy as np
import tensorflow as tf

from affinity_seg import common, neighbors
from affinity_seg.losses import affinity_loss, affinity_targets
from affinity_seg.modeling import upsampling
from affinity_seg.tasks import metrics, objective


class AffinityObjective(objective.Objective):
    """Sigmoid cross-entropy on pixel pairs; their targets are computed inside the step."""

    @property
    def num_outputs(self) -> int:
        """Eight channels for each distance."""
        return neighbors.num_channels(self.config.distances)

    def initial_biases(self, foreground: float) -> np.ndarray:
        """Logits of "same instance" with the probability of foreground, for all pairs."""
        return np.full(self.num_outputs, np.log(foreground / (1 - foreground)))

    def loss(self, truth, logits, normalizer=None) -> tf.Tensor:
        """Mean cross-entropy over scored pairs."""
        return affinity_loss.affinity_loss(
            logits,
            truth[common.LABEL_INSTANCES],
            output_stride=self.config.model.output_stride,
            hard_pair_share=self.config.losses.hard_pair_share,
            normalizer=normalizer,
            **self._pair_arguments(),
        )

    def loss_weight(self, truth) -> tf.Tensor:
        """Weights of all scored pairs."""
        return affinity_loss.weight_sum(truth[common.LABEL_INSTANCES], **self._pair_arguments())

    def count_shapes(self) -> dict[str, list[int]]:
        """The sums of a validation, see `affinity_loss.PairStatistics`."""
        count = len(self.config.distances)
        return {
            "histograms": [count, 2, affinity_loss.NUM_BINS],
            "loss_sums": [count],
            "weight_sums": [count],
        }

    def count(self, truth, logits) -> dict[str, tf.Tensor]:
        """Counts the pairs of an image and adds up their losses."""
        found = affinity_loss.pair_statistics(
            logits,
            truth[common.LABEL_INSTANCES],
            output_stride=self.config.model.output_stride,
            **self._pair_arguments(),
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
            self.config.distances,
            histograms,
            sums["loss_sums"],
            sums["weight_sums"],
            strict=True,
        )
        for distance, histogram, loss, weight in columns:
            of_distance = {**metrics.rates(histogram), "pair_loss": metrics.ratio(loss, weight)}
            found |= {f"{name}/{distance}": value for name, value in of_distance.items()}
        return found

    def _pair_arguments(self) -> dict:
        """Which pairs there are, and their weights: arguments of `affinity_loss`."""
        losses = self.config.losses
        return {
            "distances": self.config.distances,
            "sample_stride": losses.sample_stride,
            "background_pair_weight": losses.background_pair_weight,
            "other_instance_pair_weight": losses.other_instance_pair_weight,
        }

    def panels(self, truth, logits) -> dict[str, tf.Tensor]:
        """Affinities averaged over directions: a row of maps, one for each distance."""
        instances = truth[common.LABEL_INSTANCES]
        step = self.config.losses.sample_stride
        maps = {"affinity_truth": [], "affinity_prediction": []}
        stride = self.config.model.output_stride
        for index, distance in enumerate(self.config.distances):
            targets = affinity_targets.pair_targets(instances, distance, step).targets
            height, width = tf.shape(targets)[1], tf.shape(targets)[2]
            channels = neighbors.channels_of(logits, index)
            upsampled = upsampling.upsample_logits(channels, stride // step, height, width)
            maps["affinity_truth"].append(tf.cast(targets, tf.float32))
            maps["affinity_prediction"].append(tf.sigmoid(upsampled))
        pictures = {}
        for name, parts in maps.items():
            row = tf.concat([tf.reduce_mean(part, -1, keepdims=True) for part in parts], axis=2)
            pictures[name] = tf.saturate_cast(tf.repeat(row * 255, 3, axis=-1), tf.uint8)
        return pictures
