"""Model Garden's runner, extended for training on several workers."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orbit
import tensorflow as tf
import tf_keras
from official.core import base_task, base_trainer, train_lib
from official.modeling import optimization

from affinity_seg.configs import experiments
from affinity_seg.tasks import finite, progress


class _CheckedManager(tf.train.CheckpointManager):
    """Saves no weights that are not finite."""

    def __init__(self, checkpoint: tf.train.Checkpoint, **kwargs):
        super().__init__(checkpoint, **kwargs)
        self._global_step = kwargs["step_counter"]

    def save(self, *args, **kwargs) -> str | None:
        """Saves as `tf.train.CheckpointManager` does.

        Raises:
          ValueError: A weight is NaN or infinite.
        """
        finite.require_variables(self.checkpoint.model.variables, int(self._global_step.numpy()))
        return super().save(*args, **kwargs)


class _FollowingManager(_CheckedManager):
    """Saves to a temporary folder, and restores the chief's checkpoints.

    Every worker must take part in saving, because reading a variable may average it over all
    workers. Only the chief's files are kept.
    """

    def __init__(self, checkpoint: tf.train.Checkpoint, chief_dir: str, **kwargs):
        self._own_folder = tempfile.TemporaryDirectory()  # Removed with this object.
        super().__init__(checkpoint, directory=self._own_folder.name, **kwargs)
        self._chief_dir = chief_dir

    def restore_or_initialize(self) -> str | None:
        """Restores the chief's latest checkpoint, at the same time as the chief does."""
        path = tf.train.latest_checkpoint(self._chief_dir)
        if path is None:
            return super().restore_or_initialize()
        self.checkpoint.restore(path)
        return path


class Runner(train_lib.OrbitExperimentRunner):
    """Lets all workers continue from the chief's checkpoint, and stops where a loss is not finite.

    In Model Garden's runner, workers other than the chief look for checkpoints in a folder of
    their own, find none and start from fresh weights when the others continue.
    """

    def _build_trainer(
        self, task: base_task.Task, train: bool, evaluate: bool
    ) -> base_trainer.Trainer:
        trainer = super()._build_trainer(task, train, evaluate)
        with self.strategy.scope():
            _create_variables(trainer.optimizer, trainer.model.trainable_variables)
        return trainer

    def _maybe_build_checkpoint_manager(self) -> tf.train.CheckpointManager:
        arguments = {
            "step_counter": self.trainer.global_step,
            "checkpoint_interval": self.params.trainer.checkpoint_interval,
            "init_fn": self._initialize,
        }
        checkpoint = self.trainer.checkpoint
        if self.strategy.extended.should_checkpoint:
            most = self.params.trainer.max_to_keep
            return _CheckedManager(
                checkpoint, directory=self.model_dir, max_to_keep=most, **arguments
            )
        return _FollowingManager(checkpoint, self.model_dir, max_to_keep=1, **arguments)

    def _build_controller(self, *args, **kwargs) -> orbit.Controller:
        """Adds actions: losses are checked before weights can be saved, and progress is shown.

        The controller raises ValueError where a loss is NaN or infinite; names step and images.
        """
        self._progress = progress.Progress(
            self.trainer.global_step,
            self.params.trainer.train_steps,
            self.params.task.train_data.global_batch_size,
        )
        kwargs["train_actions"] = [self._require_finite_loss, self._progress.trained]
        kwargs["eval_actions"] = [self._progress.validated]
        with _without_prints():
            controller = super()._build_controller(*args, **kwargs)
        restored = tf.train.latest_checkpoint(self.model_dir)
        if restored is not None:
            self._progress.say(f"restored from checkpoint: {restored}")
        return controller

    def run(self) -> tuple[tf_keras.Model, Mapping[str, Any]]:
        """Runs as Model Garden's runner does, and shows the progress instead of its prints.

        A whole network that the training starts from is validated before the first step: so the
        best checkpoint is never worse than the start.
        """
        with contextlib.closing(self._progress), _without_prints():
            if self._mode == "train_and_eval" and self._starts_with_a_whole_network():
                with self.strategy.scope():
                    self.controller.evaluate(steps=self.params.trainer.validation_steps)
            self._progress.start()
            return super().run()

    def _initialize(self) -> None:
        """Loads the weights to start from, if there are any; their moving averages begin there."""
        self.trainer.initialize()
        optimizer = self.trainer.optimizer
        if isinstance(optimizer, optimization.ExponentialMovingAverage):
            for variable in self.trainer.model.variables:
                optimizer.get_slot(variable, "average").assign(variable)

    def _starts_with_a_whole_network(self) -> bool:
        """Returns whether no step was made yet, and all weights are those of another training."""
        task = self.params.task
        is_whole = set(task.init_checkpoint_modules) == set(experiments.MODULES)
        is_new = int(self.trainer.global_step.numpy()) == 0
        return is_new and bool(task.init_checkpoint) and is_whole

    def _require_finite_loss(self, _) -> None:
        step = int(self.trainer.global_step.numpy())
        self.trainer.task.loss_watch.require_finite(
            self.strategy, step, self.params.task.train_data.patterns()
        )


@contextlib.contextmanager
def _without_prints() -> Iterator[None]:
    """Suppresses output to stdout: Orbit prints its logs as well, and this cannot be disabled."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _create_variables(
    optimizer: tf_keras.optimizers.Optimizer, variables: Sequence[tf.Variable]
) -> None:
    """Creates the variables of an optimizer, such as momenta, which its first step would create.

    A checkpoint that is restored before the first step has values for them. If no step follows, as
    in a run that is finished already, TensorFlow would warn of each value that was not used.
    """
    if isinstance(optimizer, optimization.ExponentialMovingAverage):
        optimizer = optimizer._optimizer  # Its own variables exist already.
    if hasattr(optimizer, "build"):
        optimizer.build(variables)
    else:  # An optimizer of Keras's older interface has no public method for this.
        optimizer._create_all_weights(variables)
