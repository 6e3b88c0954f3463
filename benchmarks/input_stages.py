"""What each stage of the input pipeline takes on one core."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf
from official.core import input_reader

from affinity_seg import labels
from affinity_seg.configs import microscope, networks, training_data
from affinity_seg.data import graph_examples
from affinity_seg.dataloaders import parser, step_inputs
from affinity_seg.modeling.inputs import normalize
from benchmarks import measure

_PLAIN = {"random_flip": False}
_OPTIONS = {
    "+ colours": {"photometric": 0.1},
    "+ zoom": {"scale_max": 2.0},
    "+ object crops": {"object_crops": 1.0},
    "+ microscope": {
        "microscope": microscope.Microscope(gamma=0.5, background=40, blur=1, noise=20, jpeg=50)
    },
}
"""Settings that are off in the paper, each measured alone on top of what the paper does."""


def stages(
    config: training_data.DataConfig, class_table: labels.ClassTable
) -> dict[str, tf.data.Dataset]:
    """Returns endless pipelines, each with one stage more than one before it, see `BASES`.

    Each works one element at a time on one thread: maps are sequential, the pipeline's own pool
    has one thread and so have the operations.

    Args:
      config: Path of the TFRecords, crop and batch size.
      class_table: The classes of the records.
    """
    paths = input_reader.match_files(config.input_path)
    examples = tf.data.TFRecordDataset(paths).repeat()
    seeds = tf.data.Dataset.random(seed=1).batch(2)
    parsed = tf.data.Dataset.zip(seeds, examples.map(graph_examples.parse))

    def cropped(**changes) -> tf.data.Dataset:
        return parsed.map(parser.Parser(dataclasses.replace(config, **changes), class_table))

    def batched(**changes) -> tf.data.Dataset:
        return cropped(**changes).batch(config.global_batch_size)

    def prepare(crops):
        return step_inputs.prepare(
            crops, class_table, lambda images: normalize(networks.Network(), images)
        )

    pipelines = {
        "read": examples,
        "parse": parsed,
        "decode a crop": cropped(**_PLAIN),
        "flip": cropped(),
        "batch": batched(),
        **{name: batched(**changes) for name, changes in _OPTIONS.items()},
        "labels, normalise (in the step)": batched().map(prepare),
    }
    return {name: pipeline.with_options(_one_thread()) for name, pipeline in pipelines.items()}


BASES = {
    "parse": "read",
    "decode a crop": "parse",
    "flip": "decode a crop",
    "batch": "flip",
    **dict.fromkeys(_OPTIONS, "batch"),
    "labels, normalise (in the step)": "batch",
}
"""The pipeline to which a stage was added."""

_BATCHED = {"batch", *(stage for stage, base in BASES.items() if base == "batch")}


def _whole_batches(examples: int, config: training_data.DataConfig) -> tuple[int, int]:
    """Returns how many batches hold at least `examples`, and how many examples these hold."""
    batches = -(-examples // config.global_batch_size)
    return batches, batches * config.global_batch_size


def measure_stages(
    config: training_data.DataConfig,
    class_table: labels.ClassTable,
    *,
    examples: int,
    repetitions: int,
) -> list[dict]:
    """Measures the pipelines of `stages` in turns.

    Args:
      config: As in `stages`.
      class_table: As in `stages`.
      examples: Read by each pipeline in each turn, rounded up to whole batches.
      repetitions: Turns.

    Returns:
      A row for each stage: CPU time of an example up to it and in it alone, milliseconds, and
      examples a second of CPU time, which other programs hardly change, and of wall time.
    """
    batches, examples = _whole_batches(examples, config)
    calls = {
        name: _reader(dataset, batches if name in _BATCHED else examples)
        for name, dataset in stages(config, class_table).items()
    }
    measured = measure.measure_in_turns(calls, repetitions).measured
    rows = []
    for name, found in measured.items():
        before = measured[BASES[name]].cpu_seconds if name in BASES else 0.0
        rows.append(
            {
                "stage": name,
                "CPU ms": 1000 * found.cpu_seconds / examples,
                "CPU ms in it": 1000 * (found.cpu_seconds - before) / examples,
                "examples/s of CPU": examples / found.cpu_seconds,
                "examples/s of wall": examples / found.seconds,
            }
        )
    return rows


def measure_formats(
    patterns: dict[str, dict[str, str]],
    config: training_data.DataConfig,
    class_table: labels.ClassTable,
    *,
    examples: int,
    repetitions: int,
) -> list[dict]:
    """Measures batches of crops from records of several formats, in turns.

    Args:
      patterns: As `input_records.write_formats` returns.
      config: Crop and batch size.
      class_table: The classes of the records.
      examples: As in `measure_stages`.
      repetitions: Turns.

    Returns:
      A row for each kind of picture and format: bytes of an image with its truth and overhead in
      MB, CPU time of a crop, and crops a second of CPU time.
    """
    batches, examples = _whole_batches(examples, config)
    calls, sizes = {}, {}
    for kind, formats in patterns.items():
        for name, pattern in formats.items():
            changed = dataclasses.replace(config, input_path=pattern)
            calls[kind, name] = _reader(stages(changed, class_table)["batch"], batches)
            records = [
                len(record)
                for path in input_reader.match_files(pattern)
                for record in tf.data.TFRecordDataset(path).as_numpy_iterator()
            ]
            sizes[kind, name] = sum(records) / len(records)
    measured = measure.measure_in_turns(calls, repetitions).measured
    return [
        {
            "pictures": kind,
            "record": name,
            "MB of an image": sizes[kind, name] / 1e6,
            "CPU ms of a crop": 1000 * found.cpu_seconds / examples,
            "crops/s of CPU": examples / found.cpu_seconds,
        }
        for (kind, name), found in measured.items()
    ]


def _reader(dataset: tf.data.Dataset, count: int) -> Callable[[], None]:
    """Returns a function that takes the next `count` elements."""
    iterator = iter(dataset)

    def read() -> None:
        for _ in range(count):
            next(iterator)

    return read


def _one_thread() -> tf.data.Options:
    """Returns options that keep tf.data from working ahead, in the turns of other pipelines."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options
