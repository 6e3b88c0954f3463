"""A decoder that sharpens the ASPP's output with early features of the backbone.

DeepLabv3+ (Chen et al., ECCV 2018) fuses one level; here several levels can be fused one after the
other. It is not part of the paper. Model Garden's fusion resizes with half-pixel sampling, which
moves the features by an amount that depends on the input's size. This decoder keeps pixel 0 at
pixel 0, so that tiles of an input are sampled at the same positions as the whole input.
"""

import tensorflow as tf
import tf_keras

from affinity_seg.configs import networks as networks_config
from affinity_seg.model_garden import aspp
from affinity_seg.modeling import upsampling

layers = tf_keras.layers


class FusionDecoder(layers.Layer):
    """The ASPP, then one stage for each level of early features, from coarse to fine."""

    def __init__(
        self,
        pyramid: aspp.ASPP,
        level: int,
        config: networks_config.Fusion,
        activation: str,
        use_sync_bn: bool,
        norm_momentum: float,
        norm_epsilon: float,
        kernel_regularizer: tf_keras.regularizers.Regularizer | None,
    ):
        """Builds the layers.

        Args:
          pyramid: The ASPP.
          level: log2 of the stride of the backbone's last features.
          config: Levels and widths.
          activation: After each convolution.
          use_sync_bn: Whether BatchNorm is synchronized over the replicas.
          norm_momentum: Momentum of BatchNorm.
          norm_epsilon: Epsilon of BatchNorm.
          kernel_regularizer: Regularizer of the convolution kernels.
        """
        super().__init__(name="fusion_decoder")
        self.pyramid = pyramid
        self.pyramid_level = level
        self.levels = list(config.levels)
        self._reduce, self._fuse = [], []

        def convolution(filters: int, kernel: int, name: str) -> list[layers.Layer]:
            return [
                layers.Conv2D(
                    filters,
                    kernel,
                    padding="same",
                    use_bias=False,
                    kernel_initializer="he_normal",
                    kernel_regularizer=kernel_regularizer,
                    name=name,
                ),
                layers.BatchNormalization(
                    momentum=norm_momentum,
                    epsilon=norm_epsilon,
                    synchronized=use_sync_bn,
                    name=f"{name}_norm",
                ),
                layers.Activation(activation),
            ]

        for fine, filters in zip(config.levels, config.filters, strict=True):
            reduce = convolution(config.low_level_filters, 1, f"reduce_{fine}")
            fuse = []
            for i in range(config.num_convs):
                fuse += convolution(filters, 3, f"fuse_{fine}_{i + 1}")
            self._reduce.append(tf_keras.Sequential(reduce, name=f"reduce_{fine}"))
            self._fuse.append(tf_keras.Sequential(fuse, name=f"fuse_{fine}"))

    @property
    def output_level(self) -> int:
        """log2 of the stride of the map that `fuse` returns."""
        return self.levels[-1]

    def call(self, features: dict[str, tf.Tensor], training: bool | None = None):
        """Returns {str(output_level): [B, h, w, C]} from the backbone's features by level."""
        coarse = self.pyramid(features)[str(self.pyramid_level)]
        low = [features[str(level)] for level in self.levels]
        return {str(self.output_level): self.fuse(coarse, low, training)}

    def fuse(
        self, coarse: tf.Tensor, low: list[tf.Tensor], training: bool | None = None
    ) -> tf.Tensor:
        """Fuses the ASPP's output [B, h, w, C] with the maps `low`, to the finest resolution."""
        level = self.pyramid_level
        for fine, skip, reduce, fuse in zip(
            self.levels, low, self._reduce, self._fuse, strict=True
        ):
            size = upsampling.size_of(skip)
            upsampled = upsampling.upsample_logits(coarse, 2 ** (level - fine), *size)
            skip = reduce(skip, training=training)
            coarse = fuse(
                tf.concat([tf.cast(upsampled, skip.dtype), skip], axis=-1), training=training
            )
            level = fine
        return coarse
