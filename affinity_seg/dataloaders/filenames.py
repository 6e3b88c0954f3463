"""File names as tensors that every device can hold: GPUs and TPUs have no strings."""

import tensorflow as tf

LENGTH = 160
"""Characters of a name that are kept, the last ones."""


def to_codes(name: tf.Tensor) -> tf.Tensor:
    """Returns a name, a string scalar in UTF-8, as int32 [LENGTH], filled up with zeros."""
    codes = tf.strings.unicode_decode(name, "UTF-8")[-LENGTH:]
    return tf.ensure_shape(tf.pad(codes, [[0, LENGTH - tf.size(codes)]]), [LENGTH])


def to_strings(codes: tf.Tensor) -> tf.Tensor:
    """Returns the names of `to_codes`, int32 [B, LENGTH], as strings [B]."""
    lengths = tf.reduce_sum(tf.cast(codes > 0, tf.int32), axis=1)
    return tf.strings.unicode_encode(tf.RaggedTensor.from_tensor(codes, lengths=lengths), "UTF-8")
