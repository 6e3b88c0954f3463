"""Makes training crops look like those of other microscopes and cameras.

Objects that a network knows from one microscope are missed in pictures that are grainier, darker
or less sharp. The changes follow the way of the light: the curve of the brightness and a glow of
the background, the blur of the lens, the noise of the camera, the compression of the file. All
are gray: they are the same in the three channels, which is faster than three of them, and most
microscopes have one channel. Every random choice comes from a seed, so a run is reproducible.
"""

import math

import tensorflow as tf

from affinity_seg.configs import microscope as microscope_config

_GLOW_KNOTS = 4
"""A glow is a bilinear surface through random heights at so many places of each axis."""

_COARSEST = 3.0
"""Largest grain of the noise in empty crops, pixels of the image; coarser ones resemble objects."""


def change(
    config: microscope_config.Microscope, image: tf.Tensor, pixels: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """Changes a share of the crops.

    Args:
      config: The strengths.
      image: float32 [h, w, 3], a crop after its zoom, 0..255; what is beyond is clipped.
      pixels: int32 [2], height and width of the crop in the image's own pixels.
      seed: int64 [2].

    Returns:
      float32 [h, w, 3], 0..255.
    """
    share_seed, seed = tf.unstack(tf.random.split(seed, 2))
    image = tf.clip_by_value(image, 0, 255)
    chosen = tf.random.stateless_uniform([], share_seed) < config.share
    return tf.cond(chosen, lambda: _change(config, image, pixels, seed), lambda: image)


def _change(
    config: microscope_config.Microscope, image: tf.Tensor, pixels: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    seeds = tf.unstack(tf.random.split(seed, 5))
    if config.gamma:
        image = vary_gamma(image, config.gamma, seeds[0])
    if config.background:
        image = add_glow(image, config.background, seeds[1])
    if config.blur:
        image = blur(image, config.blur, seeds[2])
    if config.noise:
        image = add_noise(image, config.noise, pixels, seeds[3])
    if config.jpeg:
        image = compress(image, config.jpeg, seeds[4])
    return image


def vary_gamma(image: tf.Tensor, strength: float, seed: tf.Tensor) -> tf.Tensor:
    """Raises an image, float32 0..255, to a power in [1 / (1 + strength), 1 + strength]."""
    limit = math.log1p(strength)
    exponent = tf.exp(tf.random.stateless_uniform([], seed, -limit, limit))
    # Faster than `tf.pow`; black stays black but for 255 * 1e-6 ** exponent.
    return 255 * tf.exp(exponent * tf.math.log(tf.maximum(image / 255, 1e-6)))


def add_glow(image: tf.Tensor, strength: float, seed: tf.Tensor) -> tf.Tensor:
    """Adds a smooth field of at most `strength`; bright pixels rise less and none is clipped."""
    strength_seed, seed = tf.unstack(tf.random.split(seed, 2))
    height = tf.random.stateless_uniform([], strength_seed, 0, strength)
    field = height * _glow(tf.shape(image)[:2], seed)
    return image + field * (1 - image / 255)


def _glow(size: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns a smooth random field, float32 [h, w, 1] in [0, 1]."""
    return tf.image.resize(tf.random.stateless_uniform([_GLOW_KNOTS, _GLOW_KNOTS, 1], seed), size)


def blur(image: tf.Tensor, strength: float, seed: tf.Tensor) -> tf.Tensor:
    """Blurs an image by a Gaussian of a standard deviation in [0, strength] pixels."""
    radius = math.ceil(2.5 * strength)
    sigma = tf.maximum(tf.random.stateless_uniform([], seed, 0, strength), 1e-3)
    kernel = tf.exp(-((tf.range(-radius, radius + 1, dtype=tf.float32) / sigma) ** 2) / 2)
    kernel = tf.tile((kernel / tf.reduce_sum(kernel))[:, None, None, None], [1, 1, 3, 1])
    for axis in (0, 1):
        # The border's pixels go on outside; `tf.pad` has no such mode for small images.
        length = tf.shape(image)[axis]
        places = tf.clip_by_value(tf.range(-radius, length + radius), 0, length - 1)
        image = tf.gather(image, places, axis=axis)
    image = tf.nn.depthwise_conv2d(image[None], kernel, [1, 1, 1, 1], "VALID")
    kernel = tf.transpose(kernel, [1, 0, 2, 3])
    return tf.nn.depthwise_conv2d(image, kernel, [1, 1, 1, 1], "VALID")[0]


def add_noise(image: tf.Tensor, strength: float, pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Adds the noise of a camera, whose own pixels are `pixels` in height and width."""
    draw_seed, seed = tf.unstack(tf.random.split(seed, 2))
    deviation, photons = tf.unstack(tf.random.stateless_uniform([2], draw_seed))
    size = tf.shape(image)[:2]
    noise = _zoom_in(tf.random.stateless_normal(_grid(size, pixels), seed), size)
    deviations = strength * deviation * tf.sqrt(1 - photons * (1 - image / 255))
    return tf.clip_by_value(image + deviations * noise, 0, 255)


def _grid(size: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """Returns the shape of independent noise. Where the zoom is below 1, it stays independent."""
    return tf.concat([tf.minimum(size, pixels), [1]], axis=0)


def _zoom_in(noise: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Resizes noise of the image's own pixels as the image was."""
    same = tf.reduce_all(tf.equal(tf.shape(noise)[:2], size))
    return tf.cond(same, lambda: noise, lambda: tf.image.resize(noise, size))


def compress(image: tf.Tensor, least_quality: int, seed: tf.Tensor) -> tf.Tensor:
    """Writes an image as a JPEG of a quality in [least_quality, 100] and reads it again."""
    quality = tf.random.stateless_uniform([], seed, least_quality, 101, tf.int32)
    pixels = tf.saturate_cast(image + 0.5, tf.uint8)
    written = tf.image.adjust_jpeg_quality(pixels, quality, dct_method="INTEGER_ACCURATE")
    return tf.cast(written, tf.float32)


def empty(size: tf.Tensor, pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Makes a crop without objects: a level, a glow and noise, each of random strength.

    The noise is uniform, Gaussian, skewed as that of few photons, or single bright and dark
    pixels.

    Args:
      size: int32 [2], height and width of the crop.
      pixels: int32 [2], its height and width in the image's own pixels, the grain of the noise.
      seed: int64 [2].

    Returns:
      float32 [h, w, 3], 0..255.
    """
    draw_seed, kind_seed, glow_seed, seed = tf.unstack(tf.random.split(seed, 4))
    level, glow, contrast, share, coarse = tf.unstack(tf.random.stateless_uniform([5], draw_seed))
    # Pictures that were enlarged or smoothed before have coarser noise than their pixels.
    pixels = tf.cast(tf.math.ceil(tf.cast(pixels, tf.float32) / _COARSEST**coarse), tf.int32)
    values = tf.random.stateless_uniform(_grid(size, pixels), seed, 1e-6, 1)
    noise = tf.switch_case(
        tf.random.stateless_uniform([], kind_seed, 0, 4, tf.int32),
        [
            lambda: values - 0.5,
            lambda: 0.5 * tf.math.ndtri(values),
            lambda: -0.5 * tf.math.log(values),
            lambda: tf.sign(values - 0.5) * tf.cast(tf.abs(values - 0.5) > share / 2, tf.float32),
        ],
    )
    level = tf.maximum(1.3 * level - 0.5, 0)  # Black for four of ten.
    field = level + glow * _glow(size, glow_seed) + contrast * _zoom_in(noise, size)
    return tf.tile(255 * tf.clip_by_value(field, 0, 1), [1, 1, 3])
