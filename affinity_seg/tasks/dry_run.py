"""One training step in a temporary folder, to see that it runs and how much memory it takes."""

import resource
import tempfile

import numpy as np
import tensorflow as tf
from official.core import task_factory

from affinity_seg.configs import experiments
from affinity_seg.tasks import training


def dry_run(params: experiments.Experiment, mode: str) -> list[str]:
    """Builds everything, trains one step (and validates one batch) in a temporary folder.

    Args:
      params: The experiment, validated and not locked; its steps are changed.
      mode: "train" or "train_and_eval".

    Returns:
      Lines with the shapes of a global batch, the size of the network and its peak memory.

    Raises:
      FileNotFoundError, ValueError: As in `training.run`.
    """
    if "train" not in mode:
        raise ValueError(f"`--dry_run` needs a --mode that trains: {mode}")
    trainer = params.trainer
    trainer.train_steps = trainer.steps_per_loop = trainer.summary_interval = 1
    trainer.checkpoint_interval = trainer.validation_interval = trainer.validation_steps = 1
    with tempfile.TemporaryDirectory() as folder:
        training.run(params, folder, mode)
    task = task_factory.get_task(params.task)
    crops = task.build_inputs(params.task.train_data).element_spec
    height, width = params.task.train_data.crop_size
    model = task.build_model()
    logits = model.compute_output_shape([None, height, width, params.task.model.num_channels])[
        "logits"
    ]
    weights = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    batch = params.task.train_data.global_batch_size
    lines = [_describe(name, spec, batch) for name, spec in crops.items()]
    lines.append(f"logits: {[batch, *logits[1:]]}")
    lines.append(f"trainable weights: {weights:,}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB.
    lines.append(f"memory of the process: {peak / 2**30:.2f} GiB at most")
    for device in tf.config.list_logical_devices("GPU"):
        peak = tf.config.experimental.get_memory_info(device.name)["peak"]
        lines.append(f"memory of {device.name}: {peak / 2**30:.2f} GiB at most")
    return lines


def _describe(name: str, spec: tf.TensorSpec, batch: int) -> str:
    return f"{name}: {spec.dtype.name} {[batch, *spec.shape[1:]]}"
