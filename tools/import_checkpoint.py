r"""Imports weights that others trained into our ResNet-101 networks.

    python tools/import_checkpoint.py --source=imagenet --checkpoint=resnet_v1_101.ckpt \
        --output_dir=runs/imported/imagenet
    python tools/import_checkpoint.py --source=semantic --checkpoint=semantic/model.ckpt-100000 \
        --output_dir=runs/imported/semantic

imagenet: the backbone of TF-Slim's `resnet_v1_101`, to start training from with
`task.init_checkpoint`. model_garden: the same for a ResNet-101 that Model Garden trained, into its
own backbone. semantic, affinity: the networks of the paper's authors, written as tools/train.py
writes a trained one. Every variable is listed, with its shape and where it goes; any that does not
fit ends the import and nothing is written.
"""

from absl import flags

from affinity_seg import cli

_SOURCES = ("imagenet", "model_garden", "semantic", "affinity")

flags.DEFINE_enum("source", None, _SOURCES, "Whose weights.")
flags.DEFINE_string("checkpoint", None, "Path of the checkpoint, without .index or .data-....")
flags.DEFINE_string("output_dir", None, "New folder for the imported weights.")
flags.DEFINE_integer("output_stride", 16, "Stride that params.yaml gives a whole network.")
flags.DEFINE_bool("allow_unknown", False, "Leave variables that no network here has.")
flags.mark_flags_as_required(["source", "checkpoint", "output_dir"])
FLAGS = flags.FLAGS


def main():
    from affinity_seg.configs import experiments
    from affinity_seg.modeling import checkpoint_import

    if FLAGS.source == "affinity":
        params = experiments.affinity_experiment()
    else:
        params = experiments.semantic_experiment()
    params.task.model.backbone.resnet_v1.output_stride = FLAGS.output_stride
    convert = checkpoint_import.import_network
    if FLAGS.source in ("imagenet", "model_garden"):
        convert = checkpoint_import.import_backbone
    if FLAGS.source == "model_garden":
        params.task.model.backbone.type = "dilated_resnet"
    convert(FLAGS.checkpoint, params, FLAGS.output_dir, FLAGS.allow_unknown)
    print(f"written: {FLAGS.output_dir}")


if __name__ == "__main__":
    cli.run(main)
