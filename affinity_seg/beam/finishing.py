"""Merges and writes what the networks say, beside the networks."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindows

from affinity_seg.beam.elements import Letter, LetterBox, Predicted
from affinity_seg.beam.running import COUNTERS
from affinity_seg.beam.runs import Run
from affinity_seg.beam.sources import LETTERS
from affinity_seg.pipeline.prediction_runs import MAX_UNFINISHED


class Finish(beam.DoFn):
    """Makes results on a thread of its own while the networks run on the next image.

    Beam fuses this step with the networks, so that their logits are never encoded. A bundle ends
    when all of its results are written; if it is repeated, they are written again, the same.
    """

    def __init__(self, run: Run, strict: bool):
        self._run = run
        self._strict = strict
        self._predicted = Metrics.counter(COUNTERS, "predicted")
        self._merged = Metrics.counter(COUNTERS, "merged")

    def setup(self) -> None:
        """Opens the folders of the outputs and makes the thread."""
        self._outputs = self._run.outputs()
        self._executor = ThreadPoolExecutor(1)
        self._unfinished: deque[Future[list]] = deque()

    def start_bundle(self) -> None:
        """Forgets what a bundle that failed has left."""
        self._unfinished.clear()

    def process(self, predicted: Predicted | Letter) -> Iterator[Any]:
        """Yields a `Done` for each image that is finished by now; tagged, a `Letter`."""
        if isinstance(predicted, Letter):
            yield beam.pvalue.TaggedOutput(LETTERS, predicted)
            return
        while self._unfinished and (
            len(self._unfinished) >= MAX_UNFINISHED or self._unfinished[0].done()
        ):
            yield from self._take()
        self._unfinished.append(self._executor.submit(self._finish, predicted))

    def finish_bundle(self) -> Iterator[Any]:
        """Waits for what is left and yields it as `process` does."""
        while self._unfinished:
            for output in self._take():
                if isinstance(output, beam.pvalue.TaggedOutput):
                    value = GlobalWindows.windowed_value(output.value)
                    yield beam.pvalue.TaggedOutput(output.tag, value)
                else:
                    yield GlobalWindows.windowed_value(output)

    def teardown(self) -> None:
        """Ends the thread."""
        self._executor.shutdown()

    def _take(self) -> list[Any]:
        """Returns the outputs of the oldest image."""
        predicted, outputs = self._unfinished.popleft().result()
        self._predicted.inc(int(not predicted.is_recorded))
        self._merged.inc(sum(output is predicted.done for output in outputs))
        return outputs

    def _finish(self, predicted: Predicted) -> tuple[Predicted, list[Any]]:
        """Writes the result of an image, on the thread."""
        item = predicted.done.source.item
        box = LetterBox(self._strict)
        try:
            self._outputs.write(predicted.result, predicted.is_recorded)
        except ValueError as error:  # What cannot be written, an OSError, is not the image's fault.
            with box.listed(item.name, item.image_path):
                raise error
            return predicted, [beam.pvalue.TaggedOutput(LETTERS, x) for x in box.take()]
        return predicted, [predicted.done]
