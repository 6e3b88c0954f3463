"""What a `tf.train.Example` holds, written and read outside of graphs."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf


def of_bytes(*values: bytes) -> tf.train.Feature:
    """Returns a feature of texts of bytes."""
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def of_ints(*values: int) -> tf.train.Feature:
    """Returns a feature of whole numbers."""
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def serialize(features: Mapping[str, tf.train.Feature]) -> bytes:
    """Returns an example; equal features give equal bytes."""
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


class Example:
    """An example that is read. Each method raises ValueError if there is no feature of that name.

    Those that return one value also do so if it has none, or values of another type.
    """

    def __init__(self, serialized: bytes):
        """Parses an example.

        Raises:
          DecodeError: It is none.
        """
        self._features = tf.train.Example.FromString(serialized).features.feature

    def ints(self, key: str) -> tuple[int, ...]:
        """Returns the whole numbers of a feature; none if it is of another type."""
        return tuple(self._get(key).int64_list.value)

    def int(self, key: str) -> int:
        """Returns the first whole number of a feature."""
        return _first(key, self.ints(key))

    def all_bytes(self, key: str) -> Sequence[bytes]:
        """Returns the texts of bytes of a feature; none if it is of another type."""
        return self._get(key).bytes_list.value

    def bytes(self, key: str) -> bytes:
        """Returns the first text of bytes of a feature."""
        return _first(key, self.all_bytes(key))

    def _get(self, key: str) -> tf.train.Feature:
        if key not in self._features:
            raise ValueError(f"field {key!r} is missing")
        return self._features[key]


def _first(key: str, values: Sequence[Any]) -> Any:
    if not values:
        raise ValueError(f"field {key!r} must have a value of its type")
    return values[0]
