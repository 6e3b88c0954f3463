"""Names of our networks' variables in other checkpoints.

TF1 checkpoints (algorithm.md 9) are loaded into our ResNet v1, Model Garden's checkpoints into its
own backbone.
"""

import collections
import dataclasses
import re

import tensorflow as tf
import tf_keras

from affinity_seg.model_garden import segmentation_model
from affinity_seg.modeling import resnet_v1

BACKBONE_SCOPE = "resnet_v1_101"

_HEAD_SCOPES = {
    "semantic": ("deeplab_v3/aspp", "deeplab_v3/logits"),
    "affinity": ("deeplab_v3/aspp_inst", "deeplab_v3/logits_inst"),
}
"""Scopes of the ASPP and of the logits, by kind of network."""

_ASPP_BRANCHES = ("conv1", "conv3_6", "conv3_12", "conv3_18", "conv_avg_pool")
"""Scopes of the ASPP's branches in the order of their channels in `conv_concated`.

The names are the same at output stride 8, although the rates are then 12, 24 and 36.
"""

_TF2_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"

NOT_NEEDED = {
    r"global_step": "step counter",
    r".+/Momentum": "state of the optimizer",
    rf"{BACKBONE_SCOPE}/logits/(weights|biases)": "classes of ImageNet",
    rf"{BACKBONE_SCOPE}/mean_rgb": "mean colour of the input, `pixel_mean` in our configuration",
    r"_CHECKPOINTABLE_OBJECT_GRAPH": "objects of a TF2 checkpoint",
    rf"(global_step|save_counter){_TF2_VALUE}": "counter",
    rf".+/\.OPTIMIZER_SLOT/.+{_TF2_VALUE}": "state of the optimizer",
    rf"optimizer/.+{_TF2_VALUE}": "state of the optimizer",
    rf"(model|decoder|head)/.+{_TF2_VALUE}": "another part of Model Garden's network",
}
"""Variables of a checkpoint that our networks do not need: pattern, and description."""


@dataclasses.dataclass(frozen=True)
class Target:
    """A variable of one of our networks, and the name to print for it."""

    name: str
    variable: tf.Variable


def backbone_targets(backbone: tf_keras.Model) -> dict[str, Target]:
    """Returns the variables of a backbone by their names in a checkpoint.

    Our ResNet v1 takes those of a TF1 checkpoint, Model Garden's backbone those of a TF2
    checkpoint that has it as its object `backbone`.
    """
    if isinstance(backbone, resnet_v1.ResNetV1):
        return _tf1_backbone(backbone)
    return {
        f"{path}{_TF2_VALUE}": Target(path, variable)
        for path, variable in _variables_by_path("backbone", backbone)
    }


def _tf1_backbone(backbone: resnet_v1.ResNetV1) -> dict[str, Target]:
    """Returns the variables of our ResNet v1 by their names in a TF1 checkpoint."""
    targets = {}
    for layer in backbone.layers:
        if isinstance(layer, tf_keras.layers.Conv2D):
            unit = re.sub(r"^(block\d+)_(unit_\d+)_", r"\1/\2/bottleneck_v1/", layer.name)
            norm = backbone.get_layer(f"{layer.name}_norm")
            scope = f"{BACKBONE_SCOPE}/{unit}"
            targets.update(_convolution(scope, layer, norm, f"backbone/{layer.name}"))
    return targets


def network_targets(model: segmentation_model.SegmentationModel, kind: str) -> dict[str, Target]:
    """Returns the variables of a whole network by their names in a TF1 checkpoint.

    Args:
      model: A model of `networks.build_network` with our ResNet v1 and three ASPP rates.
      kind: "semantic" or "affinity".
    """
    aspp_scope, logits_scope = _HEAD_SCOPES[kind]
    targets = _tf1_backbone(model.backbone)
    aspp = model.decoder.aspp
    parts = dict(zip(_ASPP_BRANCHES, aspp.aspp_layers, strict=True))
    parts["conv_concated"] = aspp.projection
    for name, part in parts.items():
        conv = _only(part, tf_keras.layers.Conv2D)
        norm = _only(part, tf_keras.layers.BatchNormalization)
        targets.update(_convolution(f"{aspp_scope}/{name}", conv, norm, f"decoder/{name}"))
    kernel, bias = model.head.variables
    targets[f"{logits_scope}/weights"] = Target("head/logits/kernel", kernel)
    targets[f"{logits_scope}/biases"] = Target("head/logits/bias", bias)
    return targets


def _variables_by_path(name: str, root: tf.Module) -> list[tuple[str, tf.Variable]]:
    """Returns the variables below an object with their paths, as in a TF2 checkpoint.

    If several paths lead to an object, it is the first one in breadth-first order.
    """
    view = tf.train.TrackableView(root)
    found, seen, waiting = [], {id(root)}, collections.deque([(name, root)])
    while waiting:
        path, item = waiting.popleft()
        if isinstance(item, tf.Variable):
            found.append((path, item))
        for child_name, child in view.children(item).items():
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append((f"{path}/{child_name}", child))
    return found


def _only(module: tf.Module, layer_type: type) -> tf_keras.layers.Layer:
    """Returns the single layer of a type in a part of a network."""
    (layer,) = (m for m in module.submodules if isinstance(m, layer_type))
    return layer


def _convolution(
    scope: str,
    conv: tf_keras.layers.Conv2D,
    norm: tf_keras.layers.BatchNormalization,
    name: str,
) -> dict[str, Target]:
    """Returns the variables of a convolution and of the BatchNorm after it."""
    targets = {f"{scope}/weights": Target(f"{name}/kernel", conv.kernel)}
    for part in ("gamma", "beta", "moving_mean", "moving_variance"):
        variable = getattr(norm, part)
        targets[f"{scope}/BatchNorm/{part}"] = Target(f"{name}_norm/{part}", variable)
    return targets
