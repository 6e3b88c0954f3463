"""What replicas must know of each other for their losses to add up to that of the whole batch."""

import tensorflow as tf


def mean_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """Returns the mean of `value` over the replicas; `value` itself outside of a strategy.

    A loss that is divided by this mean of the replicas' weights has, as its own mean over the
    replicas, the weighted mean over the whole global batch, however unevenly it is weighted.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, value)
