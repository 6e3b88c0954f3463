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


def encode(
    model: segmentation_model.SegmentationModel, normalized: tf.Tensor, box: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Runs the part of a network that looks at pixels and their surroundings only.

    Together with `decode` it does what the model does, but for tiles of an input: the ASPP's image
    pooling is left to the caller, who knows all tiles.

    Args:
      model: A model of `build_network`.
      normalized: float32 [B, H, W, 3].
      box: int32 [4], (y0, x0, y1, x1), ends exclusive: where the backbone's features count.

    Returns:
      The ASPP's convolutions, [B, h, w, C], and the sum of the features in the box, float32 [B, D].
    """
    features = model.backbone(normalized, training=False)[_level(model)]
    convolutions = model.decoder.aspp.aspp_layers[:-1]  # The last is the image pooling.
    encoded = tf.concat([layer(features, training=False) for layer in convolutions], axis=-1)
    inner = features[:, box[0] : box[2], box[1] : box[3]]
    return encoded, tf.reduce_sum(tf.cast(inner, tf.float32), axis=[1, 2])


def decode(
    model: segmentation_model.SegmentationModel, encoded: tf.Tensor, context: tf.Tensor
) -> tf.Tensor:
    """Runs the rest of a network.

    Args:
      model: A model of `build_network`.
      encoded: The ASPP's convolutions of a tile, [B, h, w, C], from `encode`.
      context: float32 [B, D], mean of the backbone's features over the whole input.

    Returns:
      The logits of the tile, float [B, h, w, num_outputs].
    """
    aspp_layer = model.decoder.aspp
    mean = tf.cast(context[:, None, None, :], encoded.dtype)  # Its own mean as a map of one pixel.
    pooled = aspp_layer.aspp_layers[-1](mean, training=False)
    spread = tf.broadcast_to(pooled, [*tf.unstack(tf.shape(encoded)[:3]), pooled.shape[-1]])
    projected = aspp_layer.projection(tf.concat([encoded, spread], axis=-1), training=False)
    level = _level(model)
    return model.head(({level: encoded}, {level: projected}), training=False)


def _level(model: segmentation_model.SegmentationModel) -> str:
    """Returns the key of the feature map that the decoder reads."""
    return str(model.decoder.get_config()["level"])


def normalize(config: networks_config.Network, images: tf.Tensor) -> tf.Tensor:
    """Returns images RGB 0..255 [..., 3] as the network's float32 input; its zero is the mean."""
    mean = tf.constant(list(config.pixel_mean), tf.float32)
    return (tf.cast(images, tf.float32) - mean) / config.pixel_scale
