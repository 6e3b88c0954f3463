"""One training or evaluation run under a distribution strategy."""

import contextlib

import tensorflow as tf
import tf_keras
from absl import logging
from official.common import distribute_utils
from official.core import config_definitions as cfg
from official.core import task_factory
from official.modeling import performance

from affinity_seg.configs import experiments
from affinity_seg.data import record_damage, tfrecords
from affinity_seg.modeling import network_folder
from affinity_seg.tasks import precision, runner

_ON_ALL_GPUS = ("mirrored", "multi_worker_mirrored")
"""Strategies that use all GPUs unless the configuration has a number."""

_DIVERGED = "The loss value is"
"""Begin of what Model Garden says when the loss is larger than `trainer.loss_upper_bound`."""


def run(
    params: experiments.Experiment,
    model_dir: str,
    mode: str,
    seed: int | None = None,
    strategy: tf.distribute.Strategy | None = None,
) -> dict:
    """Trains or evaluates as configured; continues from the last checkpoint in `model_dir`.

    Args:
      params: The experiment, validated and not locked.
      model_dir: Folder for params.yaml, class_table.yaml, checkpoints and summaries.
      mode: "train", "eval" or "train_and_eval".
      seed: Seed of weights and data; None for `task.train_data.seed`.
      strategy: The distribution strategy; None for the one of `params.runtime`.

    Returns:
      The logs of an evaluation if Model Garden returns them, else {}.

    Raises:
      FileNotFoundError: There are no TFRecords or not all, or no checkpoint to evaluate.
      ValueError: A batch is no multiple of the number of replicas, `model_dir` holds checkpoints of
        another network, a loss or weight is NaN or infinite, or the loss grows beyond
        `params.trainer.loss_upper_bound`.
    """
    for name, data in (("train", params.task.train_data), ("eval", params.task.validation_data)):
        if name in mode:
            for pattern in data.patterns():
                tfrecords.require_shards(pattern)
    if seed is not None:
        params.task.train_data.seed = seed
    if params.task.train_data.seed is not None:
        tf_keras.utils.set_random_seed(params.task.train_data.seed)
    strategy = set_up(params.runtime, strategy)
    logging.info("Training on %d replica(s).", strategy.num_replicas_in_sync)
    _check_batches(params, mode, strategy.num_replicas_in_sync)
    params.lock()
    with strategy.scope():
        task = task_factory.get_task(params.task, logging_dir=model_dir)
    is_chief = strategy.extended.should_checkpoint
    if "train" in mode and is_chief:
        network_folder.claim_model_dir(model_dir, params, task.class_table)
    elif "train" not in mode:
        network_folder.latest_checkpoint(model_dir)
        network_folder.check_same_network(model_dir, params.task, task.class_table)
    runs = runner.Runner(
        distribution_strategy=strategy,
        task=task,
        mode=mode,
        params=params,
        model_dir=model_dir,
        save_summary=is_chief,
    )
    with contextlib.ExitStack() as named:
        for data in (params.task.train_data, params.task.validation_data):
            for pattern in data.patterns():
                named.enter_context(record_damage.damage_named(pattern))
        try:
            _, logs = runs.run()
        except RuntimeError as error:
            if not str(error).startswith(_DIVERGED):
                raise
            raise ValueError(
                f"{model_dir}: the training diverged, so `learning_rate` must be lower: {error}"
            ) from error
    return dict(logs)


def _check_batches(params: experiments.Experiment, mode: str, replicas: int) -> None:
    """Raises ValueError unless the batches that `mode` needs can be shared among the replicas."""
    for part, name in (("train", "train_data"), ("eval", "validation_data")):
        batch = getattr(params.task, name).global_batch_size
        if part in mode and batch % replicas:
            raise ValueError(
                f"`task.{name}.global_batch_size` must be a multiple of the {replicas} GPUs or "
                f"other devices that are used, see `runtime.num_gpus`: {batch}"
            )


def set_up(
    runtime: cfg.RuntimeConfig, strategy: tf.distribute.Strategy | None = None
) -> tf.distribute.Strategy:
    """Sets the precision and returns the strategy; without one, that of the configuration.

    The configuration takes all GPUs unless it says how many.

    Raises:
      ValueError: The configuration wants more GPUs than there are: on devices that do not exist
        the first step would wait forever.
    """
    strategy = strategy or _strategy(runtime)
    # After the strategy, since one of several machines must be there before anything is computed.
    if runtime.mixed_precision_dtype == precision.AUTO:
        runtime.mixed_precision_dtype = precision.choose()
    if runtime.mixed_precision_dtype:
        performance.set_mixed_precision_policy(runtime.mixed_precision_dtype)
    return strategy


def _strategy(runtime: cfg.RuntimeConfig) -> tf.distribute.Strategy:
    """Returns the strategy of the configuration."""
    visible = len(tf.config.list_physical_devices("GPU"))
    if (
        runtime.distribution_strategy in (*_ON_ALL_GPUS, "one_device")
        and runtime.num_gpus > visible
    ):
        raise ValueError(
            "`runtime.num_gpus` must be at most the number of GPUs that TensorFlow sees, "
            f"{visible}: {runtime.num_gpus}"
        )
    if runtime.distribution_strategy in _ON_ALL_GPUS:
        runtime.num_gpus = runtime.num_gpus or visible
    distribute_utils.configure_cluster(runtime.worker_hosts, runtime.task_index)
    return distribute_utils.get_distribution_strategy(
        distribution_strategy=runtime.distribution_strategy,
        all_reduce_alg=runtime.all_reduce_alg,
        num_gpus=runtime.num_gpus,
        tpu_address=runtime.tpu,
    )
