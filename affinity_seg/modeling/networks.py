"""Assembly of a network: backbone, ASPP and 1x1 logits, all from Model Garden's parts."""

import math

import tensorflow as tf
import tf_keras
from official.vision.modeling import segmentation_model
from official.vision.modeling.backbones import factory
from official.vision.modeling.decoders import aspp
from official.vision.modeling.heads import segmentation_heads

from affinity_seg.configs import networks as networks_config
from affinity_seg.modeling import resnet_v1  # noqa: F401  registers the backbone


def build_network(
    config: networks_config.Network, num_outputs: int, l2_weight_decay: float = 0.0
) -> segmentation_model.SegmentationModel:
    """Builds a network with fresh weights.

    Args:
      config: Its configuration.
      num_outputs: Channels of the logits: classes, or 8 per distance.
      l2_weight_decay: Weight decay of all convolution kernels, as in `tf.nn.l2_loss`.

    Returns:
      A model from normalised images float32 [B, H, W, 3] to
      {"logits": float [B, ceil(H/s), ceil(W/s), num_outputs]}.
    """
    config.check()
    level = int(math.log2(config.output_stride))
    norm = config.norm_activation
    regularizer = tf_keras.regularizers.l2(l2_weight_decay / 2) if l2_weight_decay else None
    normalization = {
        "activation": norm.activation,
        "use_sync_bn": norm.use_sync_bn,
        "norm_momentum": norm.norm_momentum,
        "norm_epsilon": norm.norm_epsilon,
        "kernel_regularizer": regularizer,
    }
    backbone = factory.build_backbone(
        input_specs=tf_keras.layers.InputSpec(shape=[None, None, None, 3]),
        backbone_config=config.backbone,
        norm_activation_config=norm,
        l2_regularizer=regularizer,
    )
    decoder = aspp.ASPP(
        level=level,
        dilation_rates=config.aspp.scaled_rates(config.output_stride),
        num_filters=config.aspp.filters,
        dropout_rate=config.aspp.dropout_rate,
        **normalization,
    )
    head = segmentation_heads.SegmentationHead(
        num_classes=num_outputs, level=level, num_convs=0, **normalization
    )
    model = segmentation_model.SegmentationModel(backbone, decoder, head)
    model(tf_keras.Input([None, None, 3]), training=False)
    return model


def normalize(config: networks_config.Network, images: tf.Tensor) -> tf.Tensor:
    """Returns images RGB 0..255 [..., 3] as the network's float32 input; its zero is the mean."""
    mean = tf.constant(list(config.pixel_mean), tf.float32)
    return (tf.cast(images, tf.float32) - mean) / config.pixel_scale
