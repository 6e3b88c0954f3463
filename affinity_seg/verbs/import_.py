r"""Imports published weights into our ResNet-101 networks.

    affinity_seg import --source=imagenet --checkpoint=resnet_v1_101.ckpt --model=runs/imported
    affinity_seg import --source=semantic --checkpoint=semantic/model.ckpt-100000 \
        --model=runs/imported

imagenet: the backbone of TF-Slim's `resnet_v1_101`, to start training from with
`task.init_checkpoint`. model_garden: the same for a ResNet-101 that Model Garden trained, into its
own backbone. semantic, affinity: the networks of the paper's authors, written as
`affinity_seg train` writes a trained one. The weights go to the folder <model>/<source>. Every
variable is listed with its shape and its name in our network. If any variable does not fit, the
import fails and nothing is written.
"""

import os

from affinity_seg import cli, model_folder

_BACKBONES = ("imagenet", "model_garden")


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    sources = (*_BACKBONES, *model_folder.KINDS)
    values.enum("source", None, sources, "Whose weights.", required=True)
    what = "Path of the checkpoint, without .index or .data-...."
    values.string("checkpoint", None, what, required=True)
    values.string("model", None, "Folder of the model.", required=True)
    values.string("network", None, "Name of the new folder in it; default: that of --source.")
    what = "Preset for model.yaml; only with --source=semantic or affinity."
    values.string("preset", "paper_best", what)
    values.integer("output_stride", 16, "Stride that params.yaml gives a whole network.")
    values.bool("allow_unknown", False, "Ignore unknown variables of the checkpoint.")


def main(values: cli.Flags) -> None:
    """Runs the verb."""
    if values.source in _BACKBONES:
        cli.refuse_given(values, ("preset",), f"not for `--source={values.source}`")
    if values.source == "model_garden":
        cli.refuse_given(values, ("output_stride",), "not for `--source=model_garden`")
    from affinity_seg.configs import experiments
    from affinity_seg.modeling import checkpoint_import

    if values.source == "affinity":
        params = experiments.affinity_experiment()
    else:
        params = experiments.semantic_experiment()
    params.task.model.backbone.resnet_v1.output_stride = values.output_stride
    convert = checkpoint_import.import_network
    if values.source in _BACKBONES:
        convert = checkpoint_import.import_backbone
    if values.source == "model_garden":
        params.task.model.backbone.type = "dilated_resnet"
    network = values.network or values.source
    folder = os.path.join(values.model, network)
    convert(values.checkpoint, params, folder, values.allow_unknown)
    if values.source not in _BACKBONES:
        model_folder.write(values.model, networks={values.source: network}, preset=values.preset)
    print(f"written: {folder}")
