"""The moving averages of the weights, with which a network is better than with its last weights."""

from collections.abc import Mapping

import tensorflow as tf
import tf_keras

_SLOT = "average"
"""Name of the averages in Model Garden's optimizer `ExponentialMovingAverage`."""


def restore(checkpoint: str, items: Mapping[str, tf.Module]) -> None:
    """Loads the averages of all weights, if the training computed them.

    A checkpoint of a training has them as slots of its optimizer, beside the weights of the last
    step.

    Args:
      checkpoint: A checkpoint whose weights have been loaded.
      items: Objects that it has by these names; their weights are changed.
    """
    names = [name for name, _ in tf.train.list_variables(checkpoint)]
    if not any(f"/.OPTIMIZER_SLOT/optimizer/{_SLOT}/" in name for name in names):
        return
    # Any optimizer has slots; this one has no variables of its own.
    optimizer = tf_keras.optimizers.legacy.SGD()
    variables = [variable for item in items.values() for variable in item.variables]
    slots = [optimizer.add_slot(variable, _SLOT) for variable in variables]
    tf.train.Checkpoint(**items, optimizer=optimizer).read(checkpoint).expect_partial()
    for variable, slot in zip(variables, slots, strict=True):
        variable.assign(slot)
