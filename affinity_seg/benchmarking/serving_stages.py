"""What the stages inside an exported model take, by TensorFlow's profiler."""

import collections
import glob
import os
import re
import tempfile
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from affinity_seg.serving.segmenter import STAGE_PREFIX

OTHER = "other"
"""Operations outside of all stages: decoding, encoding, what lists the instances."""

MERGE_OP = "GraphMergeFromLogits"

_STAGE = re.compile(rf"{STAGE_PREFIX}([a-z_]+?)(?:_\d+)?/")


def single_file() -> None:
    """Makes operations of this process run one after the other, each on all threads.

    Else those of different stages run at the same time, and times do not add up.
    """
    tf.config.threading.set_inter_op_parallelism_threads(1)


def profile(call: Callable[[], Any]) -> dict[str, float]:
    """Returns seconds of the operations of each stage, and of all merge ops as `MERGE_OP`.

    Args:
      call: Runs a signature of the exported model once; it should be warm.
    """
    seconds = collections.defaultdict(float)
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
                seconds[stage_of(name)] += event.duration_ps / 1e12
                if kind == MERGE_OP:
                    seconds[MERGE_OP] += event.duration_ps / 1e12
    return dict(seconds)


def stage_of(operation: str) -> str:
    """Returns the stage of an operation by its name: the innermost scope of a stage."""
    stages = _STAGE.findall(operation)
    return stages[-1] if stages else OTHER
