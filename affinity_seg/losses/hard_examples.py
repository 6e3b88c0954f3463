"""Finds the examples with the largest losses."""

import tensorflow as tf


def hardest(losses: tf.Tensor, scored: tf.Tensor, share: float) -> tf.Tensor:
    """Marks the `share` of the scored examples that have the largest losses.

    Args:
      losses: float32, any shape.
      scored: bool, of the same shape; others are never marked.
      share: In (0, 1]; the number of those marked is rounded up.

    Returns:
      float32 of the same shape, 1 or 0; among equal losses the first ones are marked.
    """
    found = tf.reshape(tf.where(scored, tf.stop_gradient(losses), -1.0), [-1])
    total = tf.math.count_nonzero(scored, dtype=tf.int64)
    count = tf.cast(tf.math.ceil(share * tf.cast(total, tf.float64)), tf.int32)
    places = tf.math.top_k(found, count, sorted=False).indices
    marks = tf.ones_like(places, tf.float32)
    return tf.reshape(tf.scatter_nd(places[:, None], marks, tf.shape(found)), tf.shape(losses))
