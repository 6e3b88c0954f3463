"""The precision in which the layers of a training compute, chosen by a measurement."""

import functools
import time
from collections.abc import Callable

import tensorflow as tf

AUTO = "auto"
"""Value of `runtime.mixed_precision_dtype` that leaves the choice to `choose`."""

_GAIN = 0.8
"""bfloat16 is taken if it needs at most this share of the time of float32."""

_FEATURES = (4, 64, 64, 64)
"""Shape of the features of the convolution that is measured, as in networks of a few minutes."""

_ROUNDS = 20


def choose() -> str:
    """Returns "bfloat16" where it is clearly faster than "float32" here, and prints the times.

    The answer may differ between two machines, and so do the weights of a training with it.
    """
    try:
        seconds = _measure()
    except tf.errors.OpError as error:  # A device without kernels for bfloat16.
        print(f"train | precision: float32; bfloat16 is not supported here: {error.message}")
        return "float32"
    chosen = "bfloat16" if seconds["bfloat16"] <= _GAIN * seconds["float32"] else "float32"
    times = ", ".join(f"{1000 * value:.1f} ms in {name}" for name, value in seconds.items())
    print(f"train | precision: {chosen}; a convolution and its gradients take {times}", flush=True)
    return chosen


@functools.cache
def _measure() -> dict[str, float]:
    """Returns the seconds of a convolution with its gradients by precision.

    They are the shortest of some turns. Other programs only make a turn longer: with medians, a
    busy machine was taken for one without a gain. Measured once in a program, so that `fit` trains
    in the precision in which it has timed the steps.
    """
    steps = {name: _step(tf.as_dtype(name)) for name in ("float32", "bfloat16")}
    for step in steps.values():
        step()
    seconds = {name: [] for name in steps}
    for _ in range(_ROUNDS):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - start)
    return {name: min(values) for name, values in seconds.items()}


def _step(dtype: tf.DType) -> Callable[[], None]:
    """Returns a function that computes a 3x3 convolution and its gradients once."""
    features = tf.ones(_FEATURES, dtype)
    kernel = tf.ones([3, 3, _FEATURES[-1], _FEATURES[-1]], dtype)

    @tf.function(autograph=False)
    def compute(features, kernel):
        with tf.GradientTape() as tape:
            tape.watch((features, kernel))
            outputs = tf.nn.relu(tf.nn.conv2d(features, kernel, 1, "SAME"))
        gradients = tape.gradient(outputs, (features, kernel))
        return [tf.reduce_sum(tf.cast(gradient, tf.float32)) for gradient in gradients]

    return lambda: [total.numpy() for total in compute(features, kernel)]
