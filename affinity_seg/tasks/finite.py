"""Training ends at the first number that is none, and says where it came from."""

import re
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from affinity_seg.dataloaders import filenames

_MARK = "affinity_seg: the loss is not finite"
_FOUND = re.compile(re.escape(_MARK) + r"\] \[(?P<loss>[^]]*)\] \[(?P<names>.*)\]")


def require_loss(loss: tf.Tensor, names: tf.Tensor) -> None:
    """Adds to a graph a check that the loss of a replica is finite.

    Args:
      loss: float scalar.
      names: int32 [B, N], `filenames.to_codes` of the replica's images.

    Raises:
      tf.errors.InvalidArgumentError: When it runs and the loss is not; `message` reads it.
    """

    def fail() -> tf.Tensor:
        joined = tf.strings.reduce_join(filenames.to_strings(names), separator=", ")
        with tf.control_dependencies([tf.debugging.Assert(False, [_MARK, loss, joined])]):
            return tf.constant(False)

    tf.cond(tf.math.is_finite(loss), lambda: tf.constant(True), fail)


def message(error: tf.errors.InvalidArgumentError, step: int) -> str | None:
    """Returns what a failed `require_loss` says, or None for another error.

    Args:
      error: What training raised.
      step: The last step that was complete.
    """
    found = _FOUND.search(str(error))
    if found is None:
        return None
    loss = found["loss"].replace("-nan", "nan")
    return f"the loss of step {step + 1} is {loss}; images of its batch: {found['names']}"


def require_variables(variables: Iterable[tf.Variable], step: int) -> None:
    """Raises ValueError if a variable holds NaN or infinity, before it is saved."""
    for variable in variables:
        if variable.dtype.is_floating and not np.isfinite(variable.numpy()).all():
            raise ValueError(
                f"the weights of step {step} are not saved: {variable.name} is not finite; the "
                "learning rate may be too high"
            )
