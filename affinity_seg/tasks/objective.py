"""What a group of a network's channels learns: base class for semantics and affinities."""

import abc

import numpy as np
import tensorflow as tf

from affinity_seg import labels
from affinity_seg.configs import experiments


class Objective(abc.ABC):
    """The loss of some channels of the logits, and the scores of a validation.

    In all methods, `truth` are the labels of a batch, see `step_inputs.prepare`, and `logits` are
    the channels of this objective, float [B, h, w, num_outputs].
    """

    def __init__(self, config: experiments.SegmentationTask, class_table: labels.ClassTable):
        """Initializes the objective.

        Args:
          config: The task; its losses have the settings of this objective.
          class_table: The data set's classes.
        """
        self.config = config
        self.class_table = class_table

    @property
    @abc.abstractmethod
    def num_outputs(self) -> int:
        """Channels of its logits."""

    @abc.abstractmethod
    def initial_biases(self, foreground: float) -> np.ndarray:
        """Returns the logits [num_outputs] for a guessed share of foreground pixels."""

    @abc.abstractmethod
    def loss(
        self,
        truth: dict[str, tf.Tensor],
        logits: tf.Tensor,
        normalizer: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the loss, a float32 scalar.

        Args:
          truth: The labels.
          logits: The logits.
          normalizer: The divisor of the loss if these are a part of a batch: the `loss_weight` of
            the whole batch, averaged over the replicas. None for the one of `truth`.
        """

    @abc.abstractmethod
    def loss_weight(self, truth: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns the divisor of the loss of a batch, a float32 scalar."""

    @abc.abstractmethod
    def count_shapes(self) -> dict[str, list[int]]:
        """Returns the shapes of the arrays of `count`, by name."""

    @abc.abstractmethod
    def count(self, truth: dict[str, tf.Tensor], logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the arrays of one image [1, ...] that a validation adds up, by name."""

    @abc.abstractmethod
    def scores(self, sums: dict[str, np.ndarray]) -> dict[str, float]:
        """Returns the scores of a validation from the sums of the arrays of `count`."""

    @abc.abstractmethod
    def panels(self, truth: dict[str, tf.Tensor], logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns pictures of one image [1, ...], uint8 [1, H, W, 3], by TensorBoard name."""
