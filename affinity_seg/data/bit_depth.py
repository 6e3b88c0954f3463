"""Maps pictures of more than 8 bits to 8 bits, without losing what a network can see.

Networks read 8 bits. A picture of more bits often uses a small part of its range: a camera of 12
bits, a weak signal, an offset. Taking the upper 8 bits would leave little or nothing of it. So its
own range of values is mapped to 0..255:

1. Counts that fit into 8 bits, 0 to 255, stay as they are, in whatever type they are stored. A
   picture of 8 bits and its copy of 16 bits are the same picture.
2. Otherwise `low` and `high` are the values at `PERCENTILES`, over all channels, and a value v
   becomes round(255 * (v - low) / max(high - low, 255)), clipped to 0..255. No count becomes more
   than one step of 8 bits. So a picture of next to nothing stays as dark as one of 8 bits, and a
   network's `contrast_floor` (docs/training.md) has the same meaning for both.

`PERCENTILES` lie outside those to which a network with `contrast_percentiles` [1, 99.8] stretches.
So its stretch finds the same values as without this mapping.
"""

import numpy as np
import tensorflow as tf

from affinity_seg import percentiles

PERCENTILES = (0.1, 99.9)
"""The values at these percentiles become 0 and 255."""

LEAST_SHARE = 1 / 256
"""Least range of fractions that is spread over 0..255, as a share of the larger magnitude."""

_MOST_8, _MOST_16 = 2**8 - 1, 2**16 - 1

NUM_COUNTS = _MOST_16 + 1
"""Counts of 16 bits."""


def to_8_bits(values: np.ndarray) -> np.ndarray:
    """Returns a picture in 8 bits, see above.

    Whole numbers are counts, also those of a floating type. If they do not fit into 16 bits without
    a sign, their least value is subtracted. Fractions, and counts of a wider range than 65535, have
    no unit: their values at `PERCENTILES` become 0 and 255, but a range of less than `LEAST_SHARE`
    of the larger magnitude of the two is treated as if it were that large.

    Args:
      values: [...], truth values, whole or real numbers, with any number of channels.

    Returns:
      uint8, of the same shape.

    Raises:
      ValueError: They are of another type, or not all are finite.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(_MOST_8)
    if values.dtype.kind not in "iuf":
        raise ValueError(f"values must be whole or real numbers: {values.dtype}")
    if values.dtype.kind == "f":
        wrong = np.count_nonzero(~np.isfinite(values))
        if wrong:
            raise ValueError(
                f"values must be finite: {wrong} of {values.size} are infinite or not a number; "
                "replace them, e.g. with the value of the background"
            )
    counts = _counts(values)
    return _spread(values) if counts is None else stretch(tf.constant(counts)).numpy()


def stretch(values: tf.Tensor) -> tf.Tensor:
    """Returns counts of 16 bits in 8 bits, see above; works eagerly and in graphs.

    Args:
      values: uint16 [...].

    Returns:
      uint8, of the same shape.
    """
    indices = tf.cast(values, tf.int32)
    histogram = tf.math.bincount(tf.reshape(indices, [-1]), minlength=NUM_COUNTS)
    return tf.gather(table(histogram), indices)


def table(histogram: tf.Tensor) -> tf.Tensor:
    """Returns what each count of 16 bits becomes in 8 bits, see above; also in graphs.

    Args:
      histogram: Integers [`NUM_COUNTS`], how many values of the whole picture have each count.

    Returns:
      uint8 [`NUM_COUNTS`].
    """
    low, high = tf.unstack(percentiles.of_histogram(histogram, PERCENTILES))
    counts = tf.range(NUM_COUNTS)
    span = tf.cast(tf.maximum(high - low, _MOST_8), tf.float64)
    mapped = tf.math.floor(tf.cast((counts - low) * _MOST_8, tf.float64) / span + 0.5)
    fits = tf.reduce_all(tf.equal(histogram[_MOST_8 + 1 :], 0))
    mapped = tf.where(fits, tf.cast(counts, tf.float64), mapped)
    return tf.cast(tf.clip_by_value(mapped, 0, _MOST_8), tf.uint8)


def _counts(values: np.ndarray) -> np.ndarray | None:
    """Returns whole numbers as uint16; None for fractions and for counts of a wider range."""
    if values.dtype.kind == "f" and np.any(values % 1):
        return None
    least, most = int(values.min()), int(values.max())  # Python's numbers do not overflow.
    low = 0 if least >= 0 and most <= _MOST_16 else least
    if most - low > _MOST_16:
        return None
    if values.dtype.kind == "f":
        return (values - low).astype(np.uint16)
    # Whole numbers wrap around, and modulo 2^16 the difference is right.
    return values.astype(np.uint16) - np.uint16(low % 2**16)


def _spread(values: np.ndarray) -> np.ndarray:
    """Maps numbers without a unit to uint8."""
    places = percentiles.ranks(tf.constant([values.size]), PERCENTILES).numpy() - 1
    low, high = np.partition(values, places, axis=None)[places].astype(np.float64)
    span = max(high - low, max(abs(low), abs(high)) * LEAST_SHARE) or 1.0
    return np.clip(np.rint((values - low) * (_MOST_8 / span)), 0, _MOST_8).astype(np.uint8)
