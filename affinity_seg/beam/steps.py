"""What all steps share: inputs that cannot be used go beside, other errors end the pipeline."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import tensorflow as tf

from affinity_seg.beam.running import ends_pipeline
from affinity_seg.rejected_inputs import RejectedInput, RejectedInputs

REJECTED = "rejected"
"""Tag of the outputs with the inputs that could not be used."""

_SETTING_THREADS = threading.Lock()


class StepSettings(NamedTuple):
    """What all steps of a pipeline have.

    Attributes:
      strict: Whether the first input that cannot be used ends the pipeline.
      threads: TensorFlow's threads in each process; 0: as many as cores.
    """

    strict: bool
    threads: int = 0


def use_threads(count: int) -> None:
    """Sets TensorFlow's threads in this process; must come before its first operation."""
    with _SETTING_THREADS:  # TensorFlow refuses even the same number after its first operation.
        if count and tf.config.threading.get_intra_op_parallelism_threads() != count:
            tf.config.threading.set_intra_op_parallelism_threads(count)


class Step(beam.DoFn):
    """Calls a function that yields outputs and lists inputs as the plain programs do."""

    def __init__(
        self,
        work: Callable[..., Iterator[Any]],
        settings: StepSettings,
        opened: Callable[[RejectedInputs], Any] | None = None,
    ):
        """Initializes the fields that are sent to the workers.

        Args:
          work: Called with an element, the list of inputs that cannot be used and, if there is
            `opened`, what that gave. Yields outputs; a `RejectedInput` goes to the tag `REJECTED`.
          settings: Those of all steps.
          opened: Called once for each thread of a worker, with the list.
        """
        self._work = work
        self._settings = settings
        self._opened = opened

    def setup(self) -> None:
        """Sets the threads, and makes the list and what the function needs beside it."""
        self._rejected = RejectedInputs(strict=self._settings.strict)
        with ends_pipeline():
            use_threads(self._settings.threads)
            self._more = [] if self._opened is None else [self._opened(self._rejected)]

    def process(self, element: Any) -> Iterator[Any]:
        """Yields the outputs for an element; tagged, `RejectedInput`s."""
        with ends_pipeline():
            for output in self._work(element, self._rejected, *self._more):
                yield _tagged(output) if isinstance(output, RejectedInput) else output
        yield from map(_tagged, self._rejected.take())

    def split(self, *tags: str) -> beam.ParDo:
        """Returns the step with the outputs `main`, `rejected` and those of other tags."""
        return beam.ParDo(self).with_outputs(REJECTED, *tags, main="main")


def _tagged(entry: RejectedInput) -> beam.pvalue.TaggedOutput:
    return beam.pvalue.TaggedOutput(REJECTED, entry)
