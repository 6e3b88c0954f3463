"""The paper's learning rate, correctly rounded (paper 5)."""

import tensorflow as tf
from official.modeling.optimization import lr_schedule, optimizer_factory


class ExponentialDecay(lr_schedule.ExponentialDecayWithOffset):
    """Model Garden's `exponential` learning rate, computed in double precision.

    At every step it is the float32 that is nearest to `initial_learning_rate` times `decay_rate` to
    the power of the periods. In float32, as Keras computes it, 0.02 times 0.7 is 0.0139999995.
    """

    def __call__(self, step: int | tf.Tensor) -> tf.Tensor:
        """Returns the learning rate of a step (an integer scalar), a float32 scalar."""
        periods = tf.cast(step - self._offset, tf.float64) / self.decay_steps
        if self.staircase:
            periods = tf.floor(periods)
        decay = tf.constant(self.decay_rate, tf.float64) ** periods
        return tf.cast(tf.constant(self.initial_learning_rate, tf.float64) * decay, tf.float32)


optimizer_factory.LR_CLS["exponential"] = ExponentialDecay  # In the place of Model Garden's.
