"""The suites of benchmarks/serving.py."""

import contextlib
import functools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from affinity_seg import grids, ops
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import pictures
from affinity_seg.instances import Instances
from affinity_seg.merge_options import MergeOptions
from affinity_seg.pipeline import prediction_runs
from affinity_seg.pipeline.predicting import Predictor
from affinity_seg.pipeline.predictions import ImagePrediction
from affinity_seg.serving import client
from affinity_seg.serving.saved_model import newest_version
from affinity_seg.serving.signatures import COMPACT
from benchmarks import measure, server_process, serving_batches, serving_load, serving_stages

CLIENTS = (1, 4)
"""How many clients ask at once in suite `clients`."""

BATCH = 4
"""Most requests that the server joins in suite `clients`, where it joins any."""

_BATCHING = {"MLSERVER_MODEL_MAX_BATCH_SIZE": str(BATCH), "MLSERVER_MODEL_MAX_BATCH_TIME": "0.02"}
"""mlserver's settings by which it joins requests that arrive within so many seconds."""


class Settings(NamedTuple):
    """What the user chose; the flags of benchmarks/serving.py say what each is."""

    exported_model: str
    input: Sequence[str]
    network_dirs: tuple[str, str]
    config: InferenceConfig
    load: Sequence[float]
    requests: int
    memory_requests: int
    repetitions: int
    workers: int
    threads: int


def run_stages(settings: Settings) -> list[dict[str, Any]]:
    """Returns milliseconds of each stage of each image, medians."""
    rows = []
    for path, call in _calls(settings).items():
        call()
        stages, walls = [], []
        for _ in range(settings.repetitions):
            stages.append(serving_stages.profile(call).stages)
            walls.append(_seconds(call))
        rows.append(
            {
                "image": os.path.basename(path),
                "instances": len(client.parse_answer(call())[0].classes),
                **{f"{stage} ms": 1000 * seconds for stage, seconds in _medians(stages).items()},
                "whole ms": 1000 * statistics.median(walls),
            }
        )
    names = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name, 0.0) for name in names} for row in rows]


def run_merge(settings: Settings) -> list[dict[str, Any]]:
    """Returns milliseconds of the merge inside the graph and outside, in turns, and their ratio.

    Raises:
      ValueError: The networks and the preset are not those of the exported model.
    """
    segmenter = prediction_runs.load_segmenter(settings.config, *settings.network_dirs)
    predictor, merger = Predictor(segmenter), segmenter.merger
    config, class_table = settings.config, segmenter.class_table
    rows = []
    for path, call in _calls(settings).items():
        prediction = predictor.predict(pictures.read(path))
        (answer,) = client.parse_answer(call())
        if not np.array_equal(answer.instance_ids, merger.merge(prediction).instance_ids):
            raise ValueError(f"{path}: the exported model has other networks or another preset")
        options = config.merge_options(class_table, prediction.distances)
        regions = _region_merges(prediction, options)
        for merge in regions:
            merge()
        inside, outside = [], []
        for _ in range(settings.repetitions):
            inside.append(serving_stages.profile(call).merge)
            outside.append(sum(_seconds(merge) for merge in regions))
        ratios = [a / b for a, b in zip(inside, outside, strict=True)]
        rows.append(
            {
                "image": os.path.basename(path),
                "regions": len(regions),
                "inside ms": 1000 * statistics.median(inside),
                "outside ms": 1000 * statistics.median(outside),
                "ratio": statistics.median(ratios),
            }
        )
    return rows


def run_batches(settings: Settings) -> list[dict[str, Any]]:
    """Returns what batches save in the first pass over each image, and its share of an answer."""
    segmenter = prediction_runs.load_segmenter(settings.config, *settings.network_dirs)
    rows = []
    for path, call in _calls(settings).items():
        whole = 1000 * measure.measure(call, settings.repetitions).cpu_seconds
        image = pictures.read(path)
        rows += [
            {"image": os.path.basename(path), **row, "share of the answer": row["CPU ms"] / whole}
            for row in serving_batches.measure_batches(segmenter, image, settings.repetitions)
        ]
    return rows


def run_clients(settings: Settings) -> list[dict[str, Any]]:
    """Returns answers per second and latencies by clients, without and with mlserver's batching.

    One server answers one client and then four, so its largest memory never falls from the first
    row to the second.
    """
    contents, expected = _contents(settings), _expected(settings)
    rows = []
    for batch, variables in ((1, {}), (BATCH, _BATCHING)):
        with _server(settings, **variables) as server:
            for num_clients in CLIENTS:
                measured = serving_load.measure_clients(
                    server, contents, expected, num_clients, settings.requests
                )
                rows.append({"batch": batch, **measured})
    return rows


def run_load(settings: Settings) -> list[dict[str, Any]]:
    """Returns latencies at each offered load."""
    contents = _contents(settings)
    with _server(settings) as server:
        capacity = serving_load.measure_clients(
            server, contents, _expected(settings), settings.workers or 1, settings.requests
        )["answered per second"]
        return [
            {
                "load": load,
                **serving_load.measure_load(
                    server, contents, load * capacity, settings.requests, seed
                ),
            }
            for seed, load in enumerate(settings.load)
        ]


def run_memory(settings: Settings) -> list[dict[str, Any]]:
    """Returns the server's memory as requests go by."""
    with _server(settings) as server:
        return serving_load.measure_memory(
            server, _contents(settings), _expected(settings), settings.memory_requests
        )


SUITES = {
    "stages": run_stages,
    "merge": run_merge,
    "batches": run_batches,
    "clients": run_clients,
    "load": run_load,
    "memory": run_memory,
}


def _calls(settings: Settings) -> dict[str, Callable[[], dict[str, np.ndarray]]]:
    """Returns for each image a function that asks the exported model in this process."""
    model = tf.saved_model.load(newest_version(settings.exported_model))

    def caller(content: bytes) -> Callable[[], dict[str, np.ndarray]]:
        files = tf.constant([content])

        def call():
            answer = model.signatures[COMPACT](files)
            return {name: values.numpy() for name, values in answer.items()}

        return call

    return dict(zip(settings.input, map(caller, _contents(settings)), strict=True))


def _expected(settings: Settings) -> list[Instances]:
    """Returns what the exported model finds in each image in this process."""
    return [client.parse_answer(call())[0] for call in _calls(settings).values()]


def _contents(settings: Settings) -> list[bytes]:
    contents = []
    for path in settings.input:
        with open(path, "rb") as file:
            contents.append(file.read())
    return contents


def _region_merges(
    prediction: ImagePrediction, options: MergeOptions
) -> list[Callable[[], Instances]]:
    """Returns for each region a function that merges it."""
    return [
        functools.partial(
            ops.graph_merge_from_logits,
            tf.constant(item.semantic_logits),
            tf.constant(item.affinity_logits),
            grids.nearest(item.region.mask, *item.zoomed_size),
            options,
            semantic_stride=prediction.semantic_stride,
            affinity_stride=prediction.affinity_stride,
            group=item.region.group,
        )
        for item in prediction.regions
    ]


@contextlib.contextmanager
def _server(settings: Settings, **variables: str) -> Iterator[server_process.Server]:
    """Yields a server of the exported model, with further variables in its environment."""
    with (
        tempfile.TemporaryDirectory() as folder,
        server_process.serve(
            settings.exported_model,
            os.path.join(folder, "log.txt"),
            f"--workers={settings.workers}",
            f"--threads={settings.threads}",
            **variables,
        ) as server,
    ):
        yield server


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _medians(measured: Sequence[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for one in measured for name in one)
    return {name: statistics.median(one.get(name, 0.0) for one in measured) for name in names}
