"""Scenes with outputs like those of the two networks, without networks.

The truth of a random scene is averaged over the pixels of each logit at stride 8, turned into
logits, and disturbed by smooth noise; upsampled, it is as uncertain around boundaries as DeepLab.
"""

from typing import NamedTuple

import cv2
import numpy as np

from affinity_seg import neighbors

STRIDE = 8
"""Pixels per logit."""

_MAX_LOGIT = 5.0  # probability 0.9933
NOISE = 0.7
"""Standard deviation of the logits' noise."""

_NOISE_SCALE = 2.0  # of the noise's Gaussian, in logits


class Scene(NamedTuple):
    """One image.

    Attributes:
      truth: int32 [H, W], instances from 1, 0 is background.
      semantic: float32 [H, W, K], probabilities.
      affinity: float32 [H, W, 56], probabilities.
    """

    truth: np.ndarray
    semantic: np.ndarray
    affinity: np.ndarray


def make_truth(
    rng: np.random.Generator, height: int, width: int, num_objects: int, foreground: float
) -> np.ndarray:
    """Returns ellipses in front of each other, in groups that touch, int32 [height, width].

    Args:
      rng: Source of randomness.
      height: Pixels.
      width: Pixels.
      num_objects: About so many objects stay visible.
      foreground: About so large a share of the image is covered.
    """
    truth = np.zeros([height, width], np.int32)
    if num_objects == 1 and foreground >= 1:
        truth[:] = 1
        return truth
    # Objects overlap each other by about a third.
    radius = np.sqrt(1.4 * foreground * height * width / (np.pi * num_objects))
    index = 0
    while index < num_objects:
        center = rng.uniform([0, 0], [width, height])
        for _ in range(int(rng.integers(1, 6))):  # a group of neighbours
            if index == num_objects:
                break
            index += 1
            axes = radius * rng.uniform(0.6, 1.3, 2)
            cv2.ellipse(
                truth,
                tuple(int(v) for v in center),
                tuple(max(2, int(v)) for v in axes),
                float(rng.uniform(0, 180)),
                0,
                360,
                index,
                -1,
            )
            center = center + rng.choice([-1.4, 1.4], 2) * axes * rng.uniform(0.5, 1, 2)
    return truth


def make_logits(
    rng: np.random.Generator, truth: np.ndarray, num_classes: int, noise: float = NOISE
) -> tuple[np.ndarray, np.ndarray]:
    """Returns semantic logits [h, w, K] and affinity logits [h, w, 56], float32, at stride 8.

    Args:
      rng: Source of randomness.
      truth: int32 [H, W], as of `make_truth`.
      num_classes: K, with the background; objects get random ones.
      noise: Standard deviation of what is added to the logits.
    """
    same = np.stack(
        [_mean_per_logit(_same_instance(truth, dy, dx)) for dy, dx in neighbors.offsets()], -1
    )
    affinity = _logit(same)
    class_of = rng.integers(1, num_classes, truth.max() + 1)
    class_of[0] = 0
    classes = class_of[truth]
    shares = np.stack([_mean_per_logit(classes == k) for k in range(num_classes)], -1)
    semantic = np.log(np.maximum(shares, np.exp(-_MAX_LOGIT)))
    affinity = affinity + noise * _smooth_noise(rng, affinity.shape)
    return semantic + noise * _smooth_noise(rng, semantic.shape), affinity


def make_scene(
    seed: int,
    height: int,
    width: int,
    num_objects: int,
    foreground: float = 0.2,
    num_classes: int = 9,
    noise: float = NOISE,
) -> Scene:
    """Returns a scene; the arguments are those of `make_truth` and `make_logits`."""
    import tensorflow as tf  # Late, as elsewhere.

    from affinity_seg.modeling import upsampling

    rng = np.random.default_rng(seed)
    truth = make_truth(rng, height, width, num_objects, foreground)
    semantic, affinity = make_logits(rng, truth, num_classes, noise)
    with tf.device("cpu"):
        upsampled = [
            upsampling.upsample_logits(logits[None], STRIDE, height, width)[0]
            for logits in (semantic, affinity)
        ]
        return Scene(truth, tf.nn.softmax(upsampled[0]).numpy(), tf.sigmoid(upsampled[1]).numpy())


def constant_scene(
    truth: np.ndarray, inside: float = 1.0, across: float = 0.0, num_classes: int = 2
) -> Scene:
    """Returns a scene without noise: two values of the affinities, semantics of 0 and 1."""
    affinity = np.empty([*truth.shape, neighbors.num_channels()], np.float32)
    for channel, (dy, dx) in enumerate(neighbors.offsets()):
        affinity[..., channel] = np.where(_same_instance(truth, dy, dx), inside, across)
    semantic = np.zeros([*truth.shape, num_classes], np.float32)
    semantic[..., 1] = truth > 0
    semantic[..., 0] = truth == 0
    return Scene(truth, semantic, affinity)


def _same_instance(truth: np.ndarray, dy: int, dx: int) -> np.ndarray:
    """Returns whether the pixel at this offset is of the same object, bool [H, W]."""
    height, width = truth.shape
    result = np.zeros(truth.shape, bool)
    y = slice(max(0, -dy), max(0, min(height, height - dy)))
    x = slice(max(0, -dx), max(0, min(width, width - dx)))
    other = truth[y.start + dy : y.stop + dy, x.start + dx : x.stop + dx]
    result[y, x] = (truth[y, x] == other) & (other > 0)
    return result


def _mean_per_logit(values: np.ndarray) -> np.ndarray:
    """Returns the means of the blocks around every 8th pixel, float32 [h, w]."""
    smooth = cv2.blur(values.astype(np.float32), (STRIDE, STRIDE), borderType=cv2.BORDER_REPLICATE)
    return smooth[::STRIDE, ::STRIDE]


def _logit(probability: np.ndarray) -> np.ndarray:
    low = 1 / (1 + np.exp(_MAX_LOGIT))
    clipped = np.clip(probability, low, 1 - low)
    return np.log(clipped / (1 - clipped)).astype(np.float32)


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Returns smooth noise of standard deviation 1, float32."""
    noise = np.stack(
        [
            cv2.GaussianBlur(
                rng.standard_normal(shape[:2]).astype(np.float32), (0, 0), _NOISE_SCALE
            )
            for _ in range(shape[2])
        ],
        -1,
    )
    return noise / max(float(noise.std()), 1e-6)
