"""Model Garden's runner with what it lacks for training on several workers."""

import tempfile

import tensorflow as tf
from official.core import train_lib


class _FollowingManager(tf.train.CheckpointManager):
    """Saves where nobody looks, and restores what the chief has saved.

    Every worker takes part in saving, since variables may be averaged over the workers when they
    are read, but only the chief's files are kept.
    """

    def __init__(self, *args, chief_dir: str, **kwargs):
        self._own_folder = tempfile.TemporaryDirectory()  # Removed with this object.
        super().__init__(*args, directory=self._own_folder.name, **kwargs)
        self._chief_dir = chief_dir

    def restore_or_initialize(self) -> str | None:
        """Restores the chief's latest checkpoint, as the chief does at this moment."""
        path = tf.train.latest_checkpoint(self._chief_dir)
        if path is None:
            return super().restore_or_initialize()
        self.checkpoint.restore(path)
        return path


class Runner(train_lib.OrbitExperimentRunner):
    """Lets all workers continue from the chief's checkpoint.

    In Model Garden's runner, workers other than the chief look for checkpoints in a folder of
    their own, find none and start from fresh weights when the others continue.
    """

    def _maybe_build_checkpoint_manager(self) -> tf.train.CheckpointManager:
        if self.strategy.extended.should_checkpoint:
            return super()._maybe_build_checkpoint_manager()
        return _FollowingManager(
            self.trainer.checkpoint,
            chief_dir=self.model_dir,
            max_to_keep=1,
            step_counter=self.trainer.global_step,
            checkpoint_interval=self.params.trainer.checkpoint_interval,
            init_fn=self.trainer.initialize,
        )
