"""What all steps share: inputs that cannot be used go beside, other errors end the pipeline."""

from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam

from affinity_seg.beam.running import ends_pipeline
from affinity_seg.rejected_inputs import RejectedInput, RejectedInputs

REJECTED = "rejected"
"""Tag of the outputs with the inputs that could not be used."""


class Step(beam.DoFn):
    """Calls a function that yields outputs and lists inputs as the plain programs do."""

    def __init__(
        self,
        work: Callable[..., Iterator[Any]],
        strict: bool,
        opened: Callable[[RejectedInputs], Any] | None = None,
    ):
        """Initializes the fields that are sent to the workers.

        Args:
          work: Called with an element, the list of inputs that cannot be used and, if there is
            `opened`, what that gave. Yields outputs; a `RejectedInput` goes to the tag `REJECTED`.
          strict: Whether the first input that cannot be used ends the pipeline.
          opened: Called once for each thread of a worker, with the list.
        """
        self._work = work
        self._strict = strict
        self._opened = opened

    def setup(self) -> None:
        """Makes the list, and what the function needs beside it."""
        self._rejected = RejectedInputs(strict=self._strict)
        with ends_pipeline():
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
