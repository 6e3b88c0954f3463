r"""Trains a network with Model Garden.

    affinity_seg train --flagfile=demo_joint --model=runs/demo
    affinity_seg train --flagfile=nuclei_semantic --model=runs/nuclei \
        --params_override=trainer.train_steps=500

Writes params.yaml, class_table.yaml, checkpoints and TensorBoard summaries to <model>/semantic,
<model>/affinity or <model>/joint, by the kind of the experiment, or to <model>/<network> if
--network is given. Also writes model.yaml, which names the networks of the model and its preset.
Started again with the same folder, it continues from the last checkpoint. It uses all visible GPUs,
or the CPU if there are none, unless `runtime` in the configuration sets something else.
--scale_to_batch=16 changes the batch, and with it learning rate and steps, for fewer or more GPUs
than configured. --dry_run makes one step in a temporary folder and prints shapes and memory.
"""

import os

from affinity_seg import cli, model_folder
from affinity_seg.tasks import experiment_flags


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    experiment_flags.define(values)
    values.string("model", None, "Folder of the model.", required=True)
    what = "Global batch; learning rate and steps are scaled linearly with it."
    values.integer("scale_to_batch", None, what)
    values.integer("seed", None, "Seed of weights and data; default: the configuration's.")
    values.bool("dry_run", False, "One step that is not kept; prints shapes and memory.")


def main(values: cli.Flags) -> None:
    """Runs the verb."""
    from affinity_seg.configs import experiments
    from affinity_seg.tasks import dry_run, scaling, training

    params = experiment_flags.parse(values)
    network = values.network or experiments.KINDS[params.task.name]
    if values.scale_to_batch is not None:
        print("\n".join(scaling.scale_to_batch(params, values.scale_to_batch)))
    if values.dry_run:
        print("\n".join(dry_run.dry_run(params, values.mode)))
        return
    training.run(params, os.path.join(values.model, network), values.mode, values.seed)
    if values.mode != "eval":
        roles = dict.fromkeys(experiments.PARTS[params.task.name], network)
        model_folder.write(values.model, networks=roles, preset=values.preset)
