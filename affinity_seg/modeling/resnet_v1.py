"""ResNet v1 as in TF-Slim and the paper, registered as a Model Garden backbone (algorithm.md 9).

Differences from Model Garden's `dilated_resnet`: the LAST unit of a block has its stride,
strided convolutions are padded explicitly and run VALID, and the shortcut is projected only
where the number of channels changes. So the ImageNet weights of TF-Slim and the authors'
weights give the same outputs as in the original networks.
"""

import math

import tensorflow as tf
import tf_keras

from affinity_seg.configs import networks as networks_config
from affinity_seg.model_garden import backbone_factory

layers = tf_keras.layers

EXPANSION = 4
"""Output channels of a unit per channel of its 3x3 convolution."""

_BLOCK_STRIDES = (2, 2, 2, 1)
"""Stride of each block's last unit when nothing is dilated (output stride 32)."""

_STEM_STRIDE = 4


def unit_plan(
    units: list[int], output_stride: int, multi_grid: list[int]
) -> list[list[tuple[int, int]]]:
    """Returns (stride, dilation rate) of every unit of every block.

    Blocks have their stride until the output stride is reached. After that, the stride of a block
    becomes a dilation of all layers after it.

    Args:
      units: Number of units of each of the four blocks.
      output_stride: 4, 8, 16 or 32.
      multi_grid: Factor of the rate of each unit of the last block.
    """
    plan = []
    stride, rate = _STEM_STRIDE, 1
    for block, count in enumerate(units):
        block_plan = []
        for unit in range(count):
            grid = multi_grid[unit] if block == len(units) - 1 else 1
            wanted = _BLOCK_STRIDES[block] if unit == count - 1 else 1
            if stride < output_stride:
                block_plan.append((wanted, grid))
                stride *= wanted
            else:
                block_plan.append((1, rate * grid))
                rate *= wanted
        plan.append(block_plan)
    return plan


class ResNetV1(tf_keras.Model):
    """The backbone; maps images [B, H, W, C] to {level: [B, ceil(H/s), ceil(W/s), D]}.

    `level` is log2 of a stride s as a string, as Model Garden's decoders expect; the map is the
    last one of that stride. The highest level is that of the output stride.
    Rebuild the model from its configuration; `from_config` is not supported.
    """

    def __init__(
        self,
        config: networks_config.ResNetV1,
        input_specs: layers.InputSpec,
        activation: str = "relu",
        use_sync_bn: bool = False,
        norm_momentum: float = 0.9997,
        norm_epsilon: float = 1e-5,
        kernel_regularizer: tf_keras.regularizers.Regularizer | None = None,
    ):
        self._activation = activation
        self._norm_arguments = {
            "momentum": norm_momentum,
            "epsilon": norm_epsilon,
            "synchronized": use_sync_bn,
        }
        self._kernel_regularizer = kernel_regularizer
        units, stem_filters, width = config.dimensions()

        inputs = layers.Input(shape=input_specs.shape[1:])
        x = self._conv(inputs, stem_filters, 7, "conv1", stride=2)
        last_of_level, level = {1: x}, 2
        x = layers.MaxPool2D(3, 2, padding="same", name="pool1")(x)
        plan = unit_plan(units, config.output_stride, config.multi_grid)
        for block, block_plan in enumerate(plan):
            for unit, (stride, rate) in enumerate(block_plan):
                name = f"block{block + 1}_unit_{unit + 1}"
                last_of_level[level] = x
                level += int(math.log2(stride))
                x = self._unit(x, width * 2**block, stride, rate, name)
        last_of_level[level] = x
        outputs = {str(key): value for key, value in last_of_level.items()}
        self._output_specs = {level: x.shape for level, x in outputs.items()}
        super().__init__(inputs=inputs, outputs=outputs, name="resnet_v1")

    @property
    def output_specs(self) -> dict[str, tf.TensorShape]:
        """Shape of each output level."""
        return self._output_specs

    def _unit(self, x: tf.Tensor, filters: int, stride: int, rate: int, name: str) -> tf.Tensor:
        """Adds a bottleneck unit."""
        channels = filters * EXPANSION
        # Subsampling comes before the projection, not as its stride: the same numbers, and
        # TensorFlow 2.20's CPU gradient of a strided 1x1 convolution corrupts the heap at batch 1.
        shortcut = layers.MaxPool2D(1, stride, name=f"{name}_subsample")(x) if stride > 1 else x
        if x.shape[-1] != channels:
            shortcut = self._conv(shortcut, channels, 1, f"{name}_shortcut", activated=False)
        x = self._conv(x, filters, 1, f"{name}_conv1")
        x = self._conv(x, filters, 3, f"{name}_conv2", stride=stride, rate=rate)
        x = self._conv(x, channels, 1, f"{name}_conv3", activated=False)
        x = layers.Add(name=f"{name}_add")([x, shortcut])
        return layers.Activation(self._activation, name=f"{name}_out")(x)

    def _conv(
        self,
        x: tf.Tensor,
        filters: int,
        kernel: int,
        name: str,
        stride: int = 1,
        rate: int = 1,
        activated: bool = True,
    ) -> tf.Tensor:
        """Adds a convolution with BatchNorm; a strided one is padded alike on all sides."""
        padding = "same"
        if stride > 1:
            padding = "valid"
            x = layers.ZeroPadding2D(rate * (kernel - 1) // 2, name=f"{name}_pad")(x)
        x = layers.Conv2D(
            filters,
            kernel,
            strides=stride,
            dilation_rate=rate,
            padding=padding,
            use_bias=False,
            kernel_initializer="he_normal",
            kernel_regularizer=self._kernel_regularizer,
            name=name,
        )(x)
        x = layers.BatchNormalization(name=f"{name}_norm", **self._norm_arguments)(x)
        return layers.Activation(self._activation, name=f"{name}_act")(x) if activated else x


@backbone_factory.register_backbone_builder("resnet_v1")
def build_resnet_v1(
    input_specs, backbone_config, norm_activation_config, l2_regularizer=None
) -> ResNetV1:
    """Builds the backbone from its configuration; called by Model Garden's factory."""
    return ResNetV1(
        config=backbone_config.get(),
        input_specs=input_specs,
        activation=norm_activation_config.activation,
        use_sync_bn=norm_activation_config.use_sync_bn,
        norm_momentum=norm_activation_config.norm_momentum,
        norm_epsilon=norm_activation_config.norm_epsilon,
        kernel_regularizer=l2_regularizer,
    )
