"""Which precision a training takes by itself."""

import pytest
import tensorflow as tf
import tf_keras
from official.core import config_definitions as cfg

from affinity_seg.tasks import precision, training


@pytest.mark.parametrize(
    "float32, bfloat16, wanted",
    [(0.01, 0.005, "bfloat16"), (0.01, 0.009, "float32"), (0.01, 0.03, "float32")],
)
def test_bfloat16_must_be_clearly_faster(monkeypatch, float32, bfloat16, wanted):
    seconds = {"float32": float32, "bfloat16": bfloat16}
    monkeypatch.setattr(precision, "_measure", lambda: seconds)
    assert precision.choose() == wanted


def test_a_device_without_bfloat16_takes_float32(monkeypatch):
    def fail(features, kernel, *_):
        raise tf.errors.UnimplementedError(None, None, "no kernel")

    precision._measure.cache_clear()  # Another test may have measured.
    monkeypatch.setattr(tf.nn, "conv2d", fail)
    assert precision.choose() == "float32"


def test_both_are_measured():
    seconds = precision._measure()
    assert set(seconds) == {"float32", "bfloat16"}
    assert min(seconds.values()) > 0
    assert precision._measure() is seconds  # A later training has the same precision.


@pytest.mark.parametrize("chosen", ["float32", "bfloat16"])
def test_a_training_computes_in_what_was_chosen(monkeypatch, chosen, policy_restored):
    monkeypatch.setattr(precision, "choose", lambda: chosen)
    runtime = cfg.RuntimeConfig(mixed_precision_dtype="auto", distribution_strategy="one_device")
    policies = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
    training.set_up(runtime)
    assert tf_keras.mixed_precision.global_policy().name == policies[chosen]
    assert runtime.mixed_precision_dtype == chosen
