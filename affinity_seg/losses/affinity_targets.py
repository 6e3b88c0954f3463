"""Affinity targets and the weights of pairs, from instance ids (paper 3.3, algorithm.md 2).

Ids are float32 here, which holds those of 16 bits exactly: TensorFlow's GPU kernels of int32 for
slices, stacks and comparisons work in the memory of the host.
"""

import functools
from typing import NamedTuple

import tensorflow as tf

from affinity_seg import labels, neighbors


class Pairs(NamedTuple):
    """The pairs at one distance; directions as in `neighbors.DIRECTIONS`.

    Attributes:
      targets: bool [B, h, w, 8], whether both ends belong to the same thing instance.
      weights: float32 [B, h, w, 8], 0 where the pair is not scored.
      scored: bool [B, h, w, 8], whether both ends are in the image and neither is void.
    """

    targets: tf.Tensor
    weights: tf.Tensor
    scored: tf.Tensor


def pair_targets(
    instances: tf.Tensor,
    distance: int,
    sample_stride: int = 1,
    background_pair_weight: float = 1.0,
    other_instance_pair_weight: float = 1.0,
) -> Pairs:
    """Computes labels and weights of the pairs at one distance.

    Args:
      instances: float32 (or integers) [B, H, W]; 0 background, `labels.VOID_INSTANCE` void or group
        region, else the instance's id, at most 2**24.
      distance: Distance of the pairs, pixels.
      sample_stride: Only pairs that start at every `sample_stride`-th pixel of each axis are
        returned; they still look `distance` pixels away.
      background_pair_weight: Weight of pairs with both ends on background.
      other_instance_pair_weight: Weight of pairs of two different instances.

    Returns:
      The pairs, with h = ceil(H / sample_stride), w alike. The weight of a scored pair is one of
      the two weights or 1.
    """
    here, there = _ends(instances, distance, sample_stride, labels.VOID_INSTANCE)
    targets = (here > 0) & tf.equal(here, there)
    scored = (here >= 0) & (there >= 0)
    weights = tf.cast(scored, tf.float32)
    if background_pair_weight != 1.0:
        both_background = tf.equal(here, 0) & tf.equal(there, 0)
        weights = tf.where(both_background, background_pair_weight, weights)
    if other_instance_pair_weight != 1.0:
        differ = (here > 0) & (there > 0) & tf.not_equal(here, there)
        weights = tf.where(differ, other_instance_pair_weight, weights)
    return Pairs(*(tf.transpose(x, [0, 2, 3, 1]) for x in (targets, weights, scored)))


def _ends(
    pixels: tf.Tensor, distance: int, sample_stride: int, outside: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the values at both ends of all pairs.

    The directions come before the axes of the image: on a CPU, eight whole maps are stacked several
    times as fast as eight values for each pixel.

    Args:
      pixels: [B, H, W].
      distance: Distance of the pairs, pixels.
      sample_stride: As in `pair_targets`.
      outside: Value of ends outside the image.

    Returns:
      The values here, float32 [B, 1, h, w], and there, float32 [B, 8, h, w].
    """
    pixels = tf.cast(pixels, tf.float32)
    here = pixels[:, ::sample_stride, ::sample_stride]
    height, width = tf.shape(here)[1], tf.shape(here)[2]
    before = -(-distance // sample_stride)
    margin = [before, before + 1]  # One more, because samples that start later may be one fewer.

    @functools.cache
    def sampled(y: int, x: int) -> tf.Tensor:
        """Every `sample_stride`-th pixel from (y, x) on, with a margin of `outside`.

        Such a slice is slow. But all directions share one, unless the distance is smaller.
        """
        samples = here if y == x == 0 else pixels[:, y::sample_stride, x::sample_stride]
        return tf.pad(samples, [[0, 0], margin, margin], constant_values=float(outside))

    there = []
    for dy, dx in neighbors.DIRECTIONS:
        (top, y), (left, x) = (divmod(distance * step, sample_stride) for step in (dy, dx))
        top, left = top + before, left + before
        there.append(sampled(y, x)[:, top : top + height, left : left + width])
    return here[:, None], tf.stack(there, axis=1)
