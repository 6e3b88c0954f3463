"""Assembly of a network from Model Garden's parts: backbone, ASPP, fusion and 1x1 logits."""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras

from affinity_seg.configs import networks as networks_config
from affinity_seg.model_garden import (
    aspp,
    backbone_factory,
    segmentation_heads,
    segmentation_model,
)
from affinity_seg.modeling import (
    fusion,
    resnet_v1,  # noqa: F401  registers the backbone
)

_as_written = tf.autograph.experimental.do_not_convert
"""No layer has Python control flow on tensor values, so AutoGraph would only take time."""


@_as_written
def build_network(
    config: networks_config.Network, num_outputs: int, l2_weight_decay: float = 0.0
) -> segmentation_model.SegmentationModel:
    """Builds a network with fresh weights.

    Args:
      config: Its configuration.
      num_outputs: Channels of the logits: classes, 8 per distance, or the former and the latter.
      l2_weight_decay: Weight decay of all convolution kernels, as in `tf.nn.l2_loss`.

    Returns:
      A model from normalised images float32 [B, H, W, `config.num_channels`] to
      {"logits": float [B, ceil(H/s), ceil(W/s), num_outputs]}, s = `config.output_stride`.

    Raises:
      ValueError: A field breaks a rule.
    """
    config.check()
    level = config.backbone_level
    norm = config.norm_activation
    regularizer = tf_keras.regularizers.l2(l2_weight_decay / 2) if l2_weight_decay else None
    normalization = {
        "activation": norm.activation,
        "use_sync_bn": norm.use_sync_bn,
        "norm_momentum": norm.norm_momentum,
        "norm_epsilon": norm.norm_epsilon,
        "kernel_regularizer": regularizer,
    }
    backbone = backbone_factory.build_backbone(
        input_specs=tf_keras.layers.InputSpec(shape=[None, None, None, config.num_channels]),
        backbone_config=config.backbone,
        norm_activation_config=norm,
        l2_regularizer=regularizer,
    )
    decoder = aspp.ASPP(
        level=level,
        dilation_rates=config.aspp.scaled_rates(2**level),
        num_filters=config.aspp.filters,
        dropout_rate=config.aspp.dropout_rate,
        **normalization,
    )
    if config.fusion.levels:
        missing = [fine for fine in config.fusion.levels if str(fine) not in backbone.output_specs]
        if missing:
            raise ValueError(
                f"`fusion.levels` must be levels of the backbone {config.backbone.type}, "
                f"{sorted(backbone.output_specs)}: {missing}"
            )
        decoder = fusion.FusionDecoder(decoder, level, config.fusion, **normalization)
        level = decoder.output_level
    head = segmentation_heads.SegmentationHead(
        num_classes=num_outputs, level=level, num_convs=0, **normalization
    )
    model = segmentation_model.SegmentationModel(backbone, decoder, head)
    model(tf_keras.Input([None, None, config.num_channels]), training=False)
    return model


def set_biases(model: tf_keras.Model, biases: Sequence[float]) -> None:
    """Sets the biases of the logits; one for each channel."""
    _classifier(model).bias.assign(biases)


def _classifier(model: segmentation_model.SegmentationModel) -> tf_keras.layers.Conv2D:
    """Returns the 1x1 convolution that computes the logits."""
    (layer,) = (m for m in model.head.submodules if isinstance(m, tf_keras.layers.Conv2D))
    return layer


def freeze_batch_norm(model: tf_keras.Model) -> None:
    """Freezes all BatchNorm layers: they use their moving statistics in training as well."""
    for layer in model.submodules:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            layer.trainable = False


@_as_written
def logits(
    model: segmentation_model.SegmentationModel,
    normalized: tf.Tensor,
    channels: tuple[int, int] | None = None,
) -> tf.Tensor:
    """Runs a network of `build_network` on float32 [B, H, W, C] and returns its logits.

    Args:
      model: The network.
      normalized: The input.
      channels: First channel and end of those that are computed; None for all.
    """
    if channels is None:
        return model(normalized, training=False)["logits"]
    features = model.backbone(normalized, training=False)
    return _head(model, features, model.decoder(features, training=False), channels)


def _head(
    model: segmentation_model.SegmentationModel,
    features: dict[str, tf.Tensor],
    decoded: dict[str, tf.Tensor],
    channels: tuple[int, int] | None,
) -> tf.Tensor:
    """Returns the logits, all or some channels, of the decoder's output."""
    if channels is None:
        return model.head((features, decoded), training=False)
    classifier = _classifier(model)
    ((pixels),) = decoded.values()
    some = slice(*channels)
    kernel, bias = classifier.kernel[..., some], classifier.bias[some]
    found = tf.nn.conv2d(pixels, tf.cast(kernel, pixels.dtype), 1, "SAME")
    return found + tf.cast(bias, pixels.dtype)


@_as_written
def encode(
    model: segmentation_model.SegmentationModel, normalized: tf.Tensor, box: tf.Tensor
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Runs the part of a network before the ASPP's image pooling, on one tile of an input.

    The caller computes the image pooling, because it is over all tiles, and then calls `decode`.
    Both functions together compute the same as the model.

    Args:
      model: A model of `build_network`.
      normalized: float32 [B, H, W, C].
      box: int32 [4], (y0, x0, y1, x1), ends exclusive: the features that are summed.

    Returns:
      The ASPP's convolutions, [B, h, w, C], followed by the early features that are fused, from
      coarse to fine; and the sum of the backbone's last features in the box, float32 [B, D].
    """
    pyramid, level, fused_levels = _decoder_parts(model)
    features = model.backbone(normalized, training=False)
    convolutions = pyramid.aspp.aspp_layers[:-1]  # The last is the image pooling.
    last = features[str(level)]
    encoded = tf.concat([layer(last, training=False) for layer in convolutions], axis=-1)
    inner = last[:, box[0] : box[2], box[1] : box[3]]
    early = [features[str(fine)] for fine in fused_levels]
    return [encoded, *early], tf.reduce_sum(tf.cast(inner, tf.float32), axis=[1, 2])


@_as_written
def decode(
    model: segmentation_model.SegmentationModel,
    encoded: list[tf.Tensor],
    context: tf.Tensor,
    channels: tuple[int, int] | None = None,
) -> tf.Tensor:
    """Runs the rest of a network.

    Args:
      model: A model of `build_network`.
      encoded: The ASPP's convolutions of a tile and the early features, from `encode`.
      context: float32 [B, D], mean of the backbone's last features over the whole input.
      channels: As in `logits`.

    Returns:
      The logits of the tile, float [B, h, w, num_outputs].
    """
    pyramid, level, fused_levels = _decoder_parts(model)
    convolved, *early = encoded
    mean = tf.cast(
        context[:, None, None, :], convolved.dtype
    )  # The mean of a map of one pixel is that pixel.
    pooled = pyramid.aspp.aspp_layers[-1](mean, training=False)
    spread = tf.broadcast_to(pooled, [*tf.unstack(tf.shape(convolved)[:3]), pooled.shape[-1]])
    decoded = pyramid.aspp.projection(tf.concat([convolved, spread], axis=-1), training=False)
    if fused_levels:
        decoded = model.decoder.fuse(decoded, early, training=False)
        level = model.decoder.output_level
    return _head(model, {str(level): convolved}, {str(level): decoded}, channels)


def _decoder_parts(
    model: segmentation_model.SegmentationModel,
) -> tuple[aspp.ASPP, int, list[int]]:
    """Returns the ASPP, the level of its input, and the levels that are fused with its output."""
    decoder = model.decoder
    if isinstance(decoder, fusion.FusionDecoder):
        return decoder.pyramid, decoder.pyramid_level, decoder.levels
    return decoder, decoder.get_config()["level"], []
