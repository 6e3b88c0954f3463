"""Shows the progress of a training: one line that is updated, and a table for each validation.

All other values of a training are in its TensorBoard summaries.
"""

import sys
import time
from collections.abc import Mapping

import tensorflow as tf
from tqdm import tqdm

_LINE_SECONDS = 10.0
"""Without a terminal: least time between two lines, except for the first and the last, seconds."""

_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} steps{postfix}, {remaining} left"


class Progress:
    """Shows a training on a terminal, or writes lines if there is no terminal.

    Its methods `trained` and `validated` are actions of an `orbit.Controller`.
    """

    def __init__(self, global_step: tf.Variable, train_steps: int, batch_size: int):
        """Initializes the counts; call `start` before the first step.

        Args:
          global_step: Steps so far.
          train_steps: Steps at the end.
          batch_size: Images of a step, over all replicas.
        """
        self._global_step = global_step
        self._train_steps = train_steps
        self._batch_size = batch_size
        self._output = sys.stdout
        self._bar: tqdm | None = None
        self.start()

    def start(self) -> None:
        """Starts the clock at the current step, from which the training continues."""
        self._first = self._last = int(self._global_step.numpy())
        self._start = self._last_time = self._next_line = time.monotonic()

    def say(self, text: str) -> None:
        """Writes permanent text above the line that is updated."""
        tqdm.write(text, file=self._output)
        self._output.flush()

    def trained(self, logs: Mapping[str, tf.Tensor]) -> None:
        """Shows the progress after a loop of steps.

        Args:
          logs: Scalars by name, those of Model Garden's training step.
        """
        step, now = int(self._global_step.numpy()), time.monotonic()
        # The learning rate may be a variable of all replicas, which is no number by itself.
        values = {name: float(tf.convert_to_tensor(value)) for name, value in logs.items()}
        scalars = [f"{name}: {value:.5g}" for name, value in sorted(values.items(), reverse=True)]
        images = (step - self._last) * self._batch_size / max(now - self._last_time, 1e-9)
        shown = [*scalars, f"{images:.1f} images/s"]
        self._last, self._last_time = step, now
        if sys.stderr.isatty():
            if self._bar is None:
                self._bar = tqdm(
                    desc="train", total=self._train_steps, initial=self._first, bar_format=_BAR
                )
            self._bar.set_postfix_str(", ".join(shown), refresh=False)
            self._bar.update(step - self._bar.n)
        elif now >= self._next_line or step >= self._train_steps:
            self._next_line = now + _LINE_SECONDS
            seconds = (now - self._start) / (step - self._first) * (self._train_steps - step)
            shown.append(f"{tqdm.format_interval(seconds)} left")
            self.say(" | ".join([f"train | step: {step:6}", *shown]))

    def validated(self, scores: Mapping[str, float | tf.Tensor]) -> None:
        """Writes the scores of a validation as tables."""
        step = int(self._global_step.numpy())
        self.say("\n".join([f"validation | step: {step:6}", *_tables(scores)]))
        self._last_time = time.monotonic()

    def close(self) -> None:
        """Ends the line that is updated, as it is."""
        if self._bar is not None:
            self._bar.close()


def _tables(scores: Mapping[str, float | tf.Tensor]) -> list[str]:
    """Returns lines: scores of the whole, then a table of those of its parts, "recall/8".

    A part has a row, and each kind of score a column.
    """
    whole = {name: float(value) for name, value in scores.items() if "/" not in name}
    kinds, parts = [], {}
    for name, value in scores.items():
        kind, slash, part = name.partition("/")
        if slash:
            kinds += [kind] if kind not in kinds else []
            parts.setdefault(part, {})[kind] = float(value)
    width = max(map(len, [*whole, *parts]), default=0)
    lines = [f"  {name:{width}}  {value:.4f}" for name, value in whole.items()]
    if parts:
        lines.append(f"  {'':{width}}" + "".join(f"  {kind:>9}" for kind in kinds))
    for part, found in parts.items():
        cells = (f"{found[kind]:.4f}" if kind in found else "" for kind in kinds)
        lines.append(f"  {part:{width}}" + "".join(f"  {cell:>9}" for cell in cells))
    return lines
