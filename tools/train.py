r"""Trains a network with Model Garden.

    python tools/train.py --flagfile=tools/flagfiles/demo_affinity.flags \
        --model_dir=runs/demo/affinity --params_override=trainer.train_steps=500

Writes params.yaml, class_table.yaml, checkpoints and TensorBoard summaries to --model_dir. Started
again with the same folder it continues from the last checkpoint. All visible GPUs are used, the
CPU if there are none; `runtime` in the configuration chooses otherwise. --scale_to_batch=16 changes
the batch, and with it learning rate and steps, for fewer or more GPUs than configured. --dry_run
makes one step, keeps nothing of it and prints shapes and memory.
"""

from absl import flags

from affinity_seg import cli
from affinity_seg.tasks import experiment_flags

experiment_flags.define()
flags.DEFINE_string("model_dir", None, "Folder for checkpoints and summaries.")
flags.DEFINE_enum("mode", "train_and_eval", ["train", "eval", "train_and_eval"], "What to do.")
flags.DEFINE_integer(
    "scale_to_batch", None, "Global batch; learning rate and steps are scaled linearly with it."
)
flags.DEFINE_integer("seed", None, "Seed of weights and data; default: the configuration's.")
flags.DEFINE_bool("dry_run", False, "One step that is not kept; prints shapes and memory.")
flags.mark_flag_as_required("model_dir")


def main():
    from affinity_seg.tasks import dry_run, scaling, training

    params = experiment_flags.parse()
    if flags.FLAGS.scale_to_batch is not None:
        print("\n".join(scaling.scale_to_batch(params, flags.FLAGS.scale_to_batch)))
    if flags.FLAGS.dry_run:
        print("\n".join(dry_run.dry_run(params, flags.FLAGS.mode)))
        return
    training.run(params, flags.FLAGS.model_dir, flags.FLAGS.mode, flags.FLAGS.seed)


if __name__ == "__main__":
    cli.run(main)
