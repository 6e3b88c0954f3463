"""Upsampling of logits against the formula: output pixel y reads source y / stride."""

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg.modeling import upsampling


def numpy_upsample(logits, stride, height, width):
    def axis(length, wanted):
        at = np.arange(wanted) / stride
        low = np.floor(at).astype(int)
        return low, np.minimum(low + 1, length - 1), at - low

    y0, y1, fy = axis(logits.shape[1], height)
    x0, x1, fx = axis(logits.shape[2], width)
    rows = logits[:, y0] * (1 - fy)[:, None, None] + logits[:, y1] * fy[:, None, None]
    return rows[:, :, x0] * (1 - fx)[:, None] + rows[:, :, x1] * fx[:, None]


@pytest.mark.parametrize("stride", [1, 2, 8, 16])
@pytest.mark.parametrize("size", [(1, 1), (33, 17), (32, 48)])
def test_equals_the_formula(stride, size):
    height, width = size
    rng = np.random.default_rng(stride)
    logits = rng.normal(size=(2, -(-height // stride), -(-width // stride), 5)).astype(np.float32)
    upsampled = upsampling.upsample_logits(logits, stride, height, width)
    assert upsampled.shape == (2, height, width, 5)
    np.testing.assert_allclose(
        upsampled, numpy_upsample(logits, stride, height, width), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("stride", [1, 2, 3, 8])
@pytest.mark.parametrize("size", [(1, 1), (33, 17), (32, 48)])
def test_gradient_is_tensorflows(stride, size):
    height, width = size
    rng = np.random.default_rng(stride)
    logits = rng.normal(size=(2, -(-height // stride), -(-width // stride), 5)).astype(np.float32)
    upstream = rng.normal(size=(2, height, width, 5)).astype(np.float32)
    with tf.GradientTape() as tape:
        x = tf.constant(logits)
        tape.watch(x)
        upsampled = upsampling.upsample_logits(x, stride, height, width)
    margins = [[0, 0], *([0, -length % stride] for length in size), [0, 0]]
    expected = tf.raw_ops.ResizeBilinearGrad(grads=np.pad(upstream, margins), original_image=logits)
    found = tape.gradient(upsampled, x, output_gradients=tf.constant(upstream))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_pixels_on_the_grid_keep_their_value():
    logits = np.arange(12, dtype=np.float32).reshape(1, 3, 4, 1)
    upsampled = upsampling.upsample_logits(logits, 8, 24, 32)
    np.testing.assert_array_equal(upsampled[:, ::8, ::8], logits)
    assert upsampled[0, 23, 31, 0] == logits[0, 2, 3, 0]  # clamped at the bottom and right
