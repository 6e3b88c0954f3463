"""What the stages inside an exported model take, by TensorFlow's profiler."""

import collections
import glob
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from affinity_seg.pipeline.timeline import SCOPE_PREFIX

OTHER = "other"
"""Operations outside of all stages: decoding, encoding, what lists the instances."""

MERGE_OP = "GraphMergeFromLogits"

_STAGE = re.compile(rf"{SCOPE_PREFIX}([a-z_]+?)(?:_\d+)?/")


class Profile(NamedTuple):
    """What operations took in one run, seconds.

    Attributes:
      stages: Time of each stage, which add up to the time in which any operation ran.
      merge: Duration of all merge ops.
    """

    stages: dict[str, float]
    merge: float


def profile(call: Callable[[], Any]) -> Profile:
    """Returns what the stages take.

    Args:
      call: Runs a signature of the exported model once; it should be warm.
    """
    spans, merge = [], 0.0
    options = tf.profiler.experimental.ProfilerOptions(host_tracer_level=2, python_tracer_level=0)
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder, options):
            call()
        (path,) = glob.glob(os.path.join(folder, "plugins", "profile", "*", "*.xplane.pb"))
        with open(path, "rb") as file:
            space = xplane_pb2.XSpace.FromString(file.read())
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name, separator, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
                if not separator or "/" not in name:
                    continue  # The runtime's own, around operations.
                start = 1000 * line.timestamp_ns + event.offset_ps
                spans.append((start, start + event.duration_ps, stage_of(name)))
                if kind == MERGE_OP:
                    merge += event.duration_ps / 1e12
    return Profile({stage: time / 1e12 for stage, time in share(spans).items()}, merge)


def share(spans: Iterable[tuple[float, float, str]]) -> dict[str, float]:
    """Returns the time of each stage; a moment of several stages is shared among them evenly.

    Both networks run at the same time where there are threads for it; the sum of their
    operations would be more than the clock shows.

    Args:
      spans: Begin, end and stage of each operation.
    """
    changes = sorted(
        change for start, end, stage in spans for change in ((start, 1, stage), (end, -1, stage))
    )
    seconds: dict[str, float] = collections.defaultdict(float)
    active: collections.Counter[str] = collections.Counter()
    before = 0.0
    for moment, step, stage in changes:
        running = [name for name, count in active.items() if count]
        for name in running:
            seconds[name] += (moment - before) / len(running)
        active[stage] += step
        before = moment
    return dict(seconds)


def stage_of(operation: str) -> str:
    """Returns the stage of an operation by its name: the innermost scope of a stage."""
    stages = _STAGE.findall(operation)
    return stages[-1] if stages else OTHER
