"""Numbers that identify the image of each crop in a batch, and the file names behind them.

GPUs hold no strings, and a name as numbers would take more memory than a row of its crop. So a
batch has one number for each crop. To find the name for a number, the records are read again. This
happens only when a training stops with an error.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from affinity_seg import common

_FILENAME = {common.IMAGE_FILENAME: tf.io.FixedLenFeature([], tf.string)}


def of(filename: tf.Tensor) -> tf.Tensor:
    """Returns the numbers of file names: int64 in the shape of the strings."""
    return tf.strings.to_hash_bucket_fast(filename, tf.int64.max)


def find_names(numbers: np.ndarray, patterns: Sequence[str]) -> list[str]:
    """Finds names by their numbers.

    Args:
      numbers: int64 [B], as `of` returns.
      patterns: Patterns of the TFRecord files that the crops are of.

    Returns:
      A name for each number; "unknown" if no file name has this number.
    """
    names = {}
    examples = tf.data.TFRecordDataset(sorted(tf.io.gfile.glob(list(patterns))))
    for example in examples.map(lambda s: tf.io.parse_single_example(s, _FILENAME)):
        name = example[common.IMAGE_FILENAME]
        names[int(of(name))] = name.numpy().decode()
        if names.keys() >= set(numbers.tolist()):
            break
    return [names.get(number, "unknown") for number in numbers.tolist()]
