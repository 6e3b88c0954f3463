"""Which images have what: only those without a result go on."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from affinity_seg.beam.elements import Done, LetterBox, Picture, Predicted, Source
from affinity_seg.beam.running import COUNTERS
from affinity_seg.beam.runs import DONE, Run
from affinity_seg.beam.sources import LETTERS
from affinity_seg.data import listing


class FindMissing(beam.DoFn):
    """Reads images and looks for their outputs."""

    def __init__(self, run: Run, strict: bool):
        self._run = run
        self._strict = strict
        self._done = Metrics.counter(COUNTERS, "done_before")

    def setup(self) -> None:
        """Opens the folders of the outputs, once for each thread of a worker."""
        self._outputs = self._run.outputs()

    def process(self, source: Source) -> Iterator[Any]:
        """Yields a `Picture` for the networks, a `Predicted` where only the record is there.

        Tagged outputs: a `Done`, a `Letter`. The two of the main output stay together, because a
        Flatten behind the networks would end Beam's fusion: all logits would be encoded and kept.
        """
        item = source.item
        box = LetterBox(self._strict)
        with box.listed(item.name, item.image_path):
            yield self._find(source)
        for letter in box.take():
            yield beam.pvalue.TaggedOutput(LETTERS, letter)

    def _find(self, source: Source) -> Picture | Predicted | beam.pvalue.TaggedOutput:
        listing.check_names(source.item)
        opened = source.open()
        found = self._outputs.find(source.item, opened.sha256)
        if found is None:
            return Picture(opened.source, opened.decode(), opened.sha256)
        done = Done(opened.source, *opened.size())
        if found == DONE:
            self._done.inc()
            return beam.pvalue.TaggedOutput(DONE, done)
        return Predicted(done, found, is_recorded=True)
