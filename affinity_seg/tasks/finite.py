"""Stops training when a loss or a weight is NaN or infinite, with the step and the images."""

from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf

from affinity_seg.dataloaders import fingerprints


class LossWatch:
    """Stores the first loss of each replica that is NaN or infinite, and the images of its batch.

    A step writes to variables on its own device. So it can be compiled by XLA, and the device does
    not wait for the host. `require_finite` reads the variables after each loop of steps.
    """

    def __init__(self, batch_size: int):
        """Makes the variables, in the scope of the strategy.

        Args:
          batch_size: Images of a step of one replica.
        """

        def variable(value: tf.Tensor) -> tf.Variable:
            return tf.Variable(
                value,
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )

        self._steps_since = variable(tf.constant(-1, tf.int64))  # -1: there was no such loss.
        self._loss = variable(0.0)
        self._images = variable(tf.zeros([batch_size], tf.int64))

    def update(self, loss: tf.Tensor, images: tf.Tensor) -> None:
        """Checks the loss of a step, in a replica.

        Args:
          loss: float32 scalar.
          images: int64 [batch_size], see `fingerprints.of`.
        """
        since = self._steps_since.read_value()
        known = since >= 0
        is_first = ~known & ~tf.math.is_finite(loss)
        self._loss.assign(tf.where(is_first, loss, self._loss.read_value()))
        self._images.assign(tf.where(is_first, images, self._images.read_value()))
        zero = tf.zeros_like(since)
        self._steps_since.assign(tf.where(known, since + 1, tf.where(is_first, zero, since)))

    def require_finite(
        self, strategy: tf.distribute.Strategy, step: int, patterns: Sequence[str]
    ) -> None:
        """Checks the steps so far.

        Args:
          strategy: The distribution strategy of the training.
          step: The last step.
          patterns: Patterns of the training's TFRecord files, for the names of the images.

        Raises:
          ValueError: A loss of this process' replicas was not finite; names its step and images.
        """
        columns = (self._steps_since, self._loss, self._images)
        for since, loss, images in zip(
            *map(strategy.experimental_local_results, columns), strict=True
        ):
            if since.numpy() >= 0:
                names = fingerprints.find_names(images.numpy(), patterns)
                raise ValueError(
                    f"the loss of step {step - since.numpy()} is {loss.numpy()}; "
                    f"images of its batch: {', '.join(names)}"
                )


def require_variables(variables: Iterable[tf.Variable], step: int) -> None:
    """Raises ValueError if a variable holds NaN or infinity, before it is saved."""
    for variable in variables:
        if variable.dtype.is_floating and not np.isfinite(variable.numpy()).all():
            raise ValueError(
                f"the weights of step {step} are not saved: {variable.name} is not finite; the "
                "learning rate may be too high"
            )
