"""Examples outside of graphs."""

import pytest
from google.protobuf.message import DecodeError

from affinity_seg.data import tf_examples


def test_what_is_written_is_read():
    features = {"a": tf_examples.of_ints(3, -4), "b": tf_examples.of_bytes(b"x", b"y")}
    example = tf_examples.Example(tf_examples.serialize(features))
    assert example.ints("a") == (3, -4) and example.int("a") == 3
    assert list(example.all_bytes("b")) == [b"x", b"y"] and example.bytes("b") == b"x"
    reverse = dict(reversed(features.items()))
    assert tf_examples.serialize(reverse) == tf_examples.serialize(features)


def test_what_is_missing_is_named():
    example = tf_examples.Example(tf_examples.serialize({"a": tf_examples.of_ints()}))
    for read in (example.ints, example.int, example.all_bytes, example.bytes):
        with pytest.raises(ValueError, match="field 'b' is missing"):
            read("b")
    for read in (example.int, example.bytes):
        with pytest.raises(ValueError, match="field 'a' must have a value of its type"):
            read("a")
    assert example.ints("a") == () and not example.all_bytes("a")
    with pytest.raises(DecodeError):
        tf_examples.Example(b"?")
