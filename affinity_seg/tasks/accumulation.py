"""A training step whose batch is processed in parts, for less memory."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras


def split(batch: Any, parts: int) -> list[Any]:
    """Cuts a batch into equal parts.

    Args:
      batch: A structure of tensors [B, ...], B known.
      parts: How many.

    Returns:
      Structures of tensors [B / parts, ...].

    Raises:
      ValueError: They would not be equal.
    """
    size = tf.nest.flatten(batch)[0].shape[0]
    if size % parts:
        raise ValueError(
            f"`task.accumulated_batches` must divide the batch of a replica, {size}: {parts}"
        )
    cut = [tf.split(tensor, parts) for tensor in tf.nest.flatten(batch)]
    return [tf.nest.pack_sequence_as(batch, pieces) for pieces in zip(*cut, strict=True)]


def step(
    parts: list[Any],
    loss_of: Callable[[Any], tf.Tensor],
    model: tf_keras.Model,
    optimizer: tf_keras.optimizers.Optimizer,
) -> tf.Tensor:
    """Makes one step with the sum of the gradients of parts, which run one after the other.

    Only the activations of one part are in memory at a time. The optimizer sums the gradients over
    the replicas. So each loss is divided by their number, as in Model Garden's step, for the
    gradient of their mean loss.

    Args:
      parts: What `loss_of` takes.
      loss_of: Returns a float32 scalar; the loss is their sum.
      model: Its trainable variables are changed.
      optimizer: Changes them; may be a `tf_keras.mixed_precision.LossScaleOptimizer`.

    Returns:
      The loss of this replica, a float32 scalar.
    """
    scales = isinstance(optimizer, tf_keras.mixed_precision.LossScaleOptimizer)
    variables = model.trainable_variables
    total, sums = 0.0, []
    for part in parts:
        with tf.control_dependencies(sums):
            part = tf.nest.map_structure(tf.identity, part)
        with tf.GradientTape() as tape:
            loss = loss_of(part)
            target = loss / tf.distribute.get_strategy().num_replicas_in_sync
            if scales:
                target = optimizer.get_scaled_loss(target)
        gradients = tape.gradient(target, variables)
        sums = [a + b for a, b in zip(sums, gradients, strict=True)] if sums else gradients
        total += loss
    if scales:
        sums = optimizer.get_unscaled_gradients(sums)
    optimizer.apply_gradients(list(zip(sums, variables, strict=True)))
    return total
