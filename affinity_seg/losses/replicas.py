"""A common divisor for the losses of replicas, so that their mean is that of the whole batch."""

import tensorflow as tf


def mean_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """Returns the mean of `value` over the replicas; `value` itself outside of a strategy.

    Each replica divides its weighted sum of losses by the mean of the replicas' sums of weights.
    Then the mean of these quotients over the replicas is the weighted mean over the global batch,
    also where some replicas have more scored pixels than others.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, value)
