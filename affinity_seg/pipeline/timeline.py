"""Records when each stage of a run was at work, to show which stage waits for another."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf

from affinity_seg import files

READ, PREDICT, NETWORK, FINISH = "read", "predict", "network", "merge and write"
WAIT_READ, WAIT_FINISH = "wait for image", "wait for merge"
STAGES = (READ, WAIT_READ, PREDICT, NETWORK, WAIT_FINISH, FINISH)
"""`PREDICT` is the whole time from image to logits, `NETWORK` the part inside the networks."""

SCOPE_PREFIX = "stage_"
"""Prefix of the name scopes of stages inside a graph; benchmarks find operations by it."""


def scope(stage: str) -> tf.name_scope:
    """Returns the scope of the operations of a stage."""
    return tf.name_scope(SCOPE_PREFIX + stage)


class Span(NamedTuple):
    """One piece of work.

    Attributes:
      stage: One of `STAGES`.
      name: What it worked on.
      start: Seconds since the timeline began.
      end: Seconds since the timeline began.
    """

    stage: str
    name: str
    start: float
    end: float


class Timeline:
    """Collects spans, from any thread."""

    def __init__(self):
        self._origin = time.monotonic()
        self._lock = threading.Lock()
        self.spans: list[Span] = []

    @contextlib.contextmanager
    def span(self, stage: str, name: str = "") -> Iterator[None]:
        """Records how long the body takes."""
        start = time.monotonic() - self._origin
        try:
            yield
        finally:
            span = Span(stage, name, start, time.monotonic() - self._origin)
            with self._lock:
                self.spans.append(span)

    def seconds(self, stage: str) -> float:
        """Returns how long a stage was at work in all."""
        return sum(span.end - span.start for span in self.spans if span.stage == stage)

    def total_seconds(self) -> float:
        """Returns the time from the first span's start to the last one's end."""
        if not self.spans:
            return 0.0
        return max(span.end for span in self.spans) - min(span.start for span in self.spans)

    def write(self, path: str) -> None:
        """Writes the spans as JSON in the trace event format that Perfetto and Chrome show."""
        events = [
            {
                "ph": "X",
                "name": f"{span.stage}: {span.name}" if span.name else span.stage,
                "cat": span.stage,
                "pid": 1,
                "tid": STAGES.index(span.stage),
                "ts": round(span.start * 1e6),
                "dur": round((span.end - span.start) * 1e6),
            }
            for span in sorted(self.spans, key=lambda span: span.start)
        ]
        names = [
            {"ph": "M", "name": "thread_name", "pid": 1, "tid": i, "args": {"name": stage}}
            for i, stage in enumerate(STAGES)
        ]
        content = json.dumps({"traceEvents": names + events}) + "\n"
        files.write_bytes(path, content.encode())
