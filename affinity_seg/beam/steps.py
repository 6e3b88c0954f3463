"""What all steps share: inputs that cannot be used go beside, other errors end the pipeline."""

from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam

from affinity_seg.beam.running import ends_pipeline
from affinity_seg.dead_letters import DeadLetters, Letter

LETTERS = "letters"
"""Tag of the outputs with the inputs that could not be used."""


class Step(beam.DoFn):
    """Calls a function that yields outputs and lists inputs as the plain programs do."""

    def __init__(
        self,
        work: Callable[..., Iterator[Any]],
        strict: bool,
        opened: Callable[[DeadLetters], Any] | None = None,
    ):
        """Takes what goes to the workers.

        Args:
          work: Called with an element, the list of inputs that cannot be used and, if there is
            `opened`, what that gave. Yields outputs; a `Letter` goes to the tag `LETTERS`.
          strict: Whether the first input that cannot be used ends the pipeline.
          opened: Called once for each thread of a worker, with the list.
        """
        self._work = work
        self._strict = strict
        self._opened = opened

    def setup(self) -> None:
        """Makes the list, and what the function needs beside it."""
        self._letters = DeadLetters(strict=self._strict)
        with ends_pipeline():
            self._more = [] if self._opened is None else [self._opened(self._letters)]

    def process(self, element: Any) -> Iterator[Any]:
        """Yields the outputs for an element; tagged, `Letter`s."""
        with ends_pipeline():
            for output in self._work(element, self._letters, *self._more):
                yield _tagged(output) if isinstance(output, Letter) else output
        yield from map(_tagged, self._letters.take())

    def split(self, *tags: str) -> beam.ParDo:
        """Returns the step with the outputs `main`, `letters` and those of other tags."""
        return beam.ParDo(self).with_outputs(LETTERS, *tags, main="main")


def _tagged(letter: Letter) -> beam.pvalue.TaggedOutput:
    return beam.pvalue.TaggedOutput(LETTERS, letter)
