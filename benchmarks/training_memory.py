"""How much memory a training step and its affinity loss take, each measured in a fresh process."""

import concurrent.futures
import math
import multiprocessing
import os
import statistics
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from affinity_seg import resources
from benchmarks import measure

GPU_GIGABYTES = (16, 24, 40, 80)
_CROP_SIDE = 513
_FREE_SHARE = 0.1
"""Share of a GPU's memory that is left to its libraries."""

_STRIDE_16 = {
    "semantic": ("cityscapes.yaml", "cityscapes_semantic_1.yaml"),
    "affinity": ("cityscapes.yaml", "cityscapes_affinity.yaml"),
}
NETWORKS = {
    **{f"{kind} 16": (kind, files) for kind, files in _STRIDE_16.items()},
    **{
        f"{kind} 8": (kind, (*files, f"cityscapes_{kind}_stride_8.yaml"))
        for kind, files in _STRIDE_16.items()
    },
}
"""Kind and files of `configs/experiments`, by kind and output stride."""


class Settings(NamedTuple):
    """What the user chose.

    Attributes:
      networks: Keys of `NETWORKS`.
      precisions: "float32", "bfloat16", "float16".
      crops: Two numbers of crops of a step; memory per crop is their difference.
      loss_crops: Crops of the loss alone.
      repetitions: Of the loss; their median counts.
    """

    networks: Sequence[str]
    precisions: Sequence[str]
    crops: tuple[int, int]
    loss_crops: int
    repetitions: int


def step_rows(settings: Settings) -> list[dict[str, Any]]:
    """Measures the first step of each network and precision; a row says what fits which GPU."""
    rows = []
    few, many = settings.crops
    for name in settings.networks:
        for precision in settings.precisions:
            least, most = (_in_process(_step_bytes, name, precision, n) for n in (few, many))
            per_crop = (most - least) / (many - few)
            fixed = least - few * per_crop
            row = {"network, stride": name, "precision": precision}
            row |= {"GiB a crop": per_crop / 2**30, "GiB beside": fixed / 2**30}
            for gigabytes in GPU_GIGABYTES:
                room = gigabytes * 1e9 * (1 - _FREE_SHARE) - fixed
                row[f"crops in {gigabytes} GB"] = max(0, math.floor(room / per_crop))
            rows.append(row)
    return rows


def loss_rows(settings: Settings) -> list[dict[str, Any]]:
    """Measures the affinity loss with its gradient, at both output strides, on one thread."""
    rows = []
    for stride in (16, 8):
        shape = (settings.loss_crops, _CROP_SIDE, _CROP_SIDE)
        row = _in_process(_measured_on_one_thread, _loss_call, shape, stride, settings.repetitions)
        rows.append({"stride": stride, "crops": settings.loss_crops, **row})
    return rows


def validation_rows(settings: Settings) -> list[dict[str, Any]]:
    """Measures what a validation counts of one Cityscapes image, on one thread."""
    rows = []
    for stride in (16, 8):
        row = _in_process(
            _measured_on_one_thread, _statistics_call, (1, 1024, 2048), stride, settings.repetitions
        )
        rows.append({"stride": stride, **row})
    return rows


SUITES = {"loss": loss_rows, "validation": validation_rows, "step": step_rows}


def _in_process(function: Callable, *arguments: Any) -> Any:
    """Calls a function in a process of its own: memory that was freed is not always given back."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        return pool.submit(function, *arguments).result()


def _step_bytes(name: str, precision: str, crops: int) -> int:
    """Returns what the first training step takes, bytes; the weights are there before it."""
    import tensorflow as tf  # Late: this is another process.
    from official.core import task_factory, train_utils

    from affinity_seg.tasks import registry_imports, training  # noqa: F401

    kind, files = NETWORKS[name]
    folder = os.path.join(resources.root(), resources.EXPERIMENTS)
    params = train_utils.parse_configuration(
        train_utils.ParseConfigOptions(
            experiment=f"affinity_seg_{kind}",
            config_file=[os.path.join(folder, file) for file in files],
            params_override=f"runtime.mixed_precision_dtype={precision},"
            "task.accumulated_batches=1,task.init_checkpoint=''",
        ),
        lock_return=False,
        print_return=False,
    )
    params.task.train_data.global_batch_size = crops
    training.set_up(params.runtime)
    task = task_factory.get_task(params.task)
    task.build_metrics(training=True)
    model = task.build_model()
    optimizer = task.create_optimizer(params.trainer.optimizer_config, params.runtime)
    height, width = params.task.train_data.crop_size
    images = np.random.default_rng(0).integers(0, 256, (crops, height, width, 3), np.uint8)
    batch = {
        "image": tf.constant(images),
        "instances": tf.constant(_instances(crops, height, width)),
        "fingerprint": tf.zeros([crops], tf.int64),
    }
    step = tf.function(lambda crops: task.train_step(crops, model, optimizer)[task.loss])
    return measure.measure(lambda: step(batch).numpy(), 0).peak_bytes


def _measured_on_one_thread(
    make_call: Callable[[tuple[int, int, int], int], Callable[[], Any]],
    shape: tuple[int, int, int],
    stride: int,
    repetitions: int,
) -> dict[str, float]:
    """Measures a call on images of a shape, [count, height, width].

    Returns:
      Memory of an image in GiB, and its CPU seconds, the median of the repetitions.
    """
    import tensorflow as tf  # Late: this is another process.

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    call = make_call(shape, stride)
    peak_bytes = measure.measure(call, 0).peak_bytes
    seconds = statistics.median(measure.measure(call, 1).cpu_seconds for _ in range(repetitions))
    return {"GiB an image": peak_bytes / shape[0] / 2**30, "CPU s an image": seconds / shape[0]}


def _loss_call(shape: tuple[int, int, int], stride: int) -> Callable[[], Any]:
    """Returns a function that computes the affinity loss and its gradient."""
    import tensorflow as tf

    from affinity_seg.losses import affinity_loss

    instances = tf.constant(_instances(*shape))

    def gradient(logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = affinity_loss.affinity_loss(logits, instances, output_stride=stride)
        return tape.gradient(loss, logits)

    return _traced(gradient, shape, stride)


def _statistics_call(shape: tuple[int, int, int], stride: int) -> Callable[[], Any]:
    """Returns a function that counts the pairs of a validation."""
    import tensorflow as tf

    from affinity_seg.losses import affinity_loss

    instances = tf.constant(_instances(*shape))
    return _traced(
        lambda logits: (
            affinity_loss.pair_statistics(logits, instances, output_stride=stride).histograms
        ),
        shape,
        stride,
    )


def _traced(function: Callable, shape: tuple[int, int, int], stride: int) -> Callable[[], Any]:
    """Returns a call of a function of logits; it is traced already, which takes memory as well."""
    import tensorflow as tf

    count, height, width = shape
    size = [count, -(-height // stride), -(-width // stride), 56]
    logits = tf.random.stateless_normal(size, [1, 2], stddev=2.0)
    traced = tf.function(function).get_concrete_function(logits)
    return lambda: traced(logits).numpy()


def _instances(crops: int, height: int, width: int) -> np.ndarray:
    """Returns ids of overlapping boxes, float32 [crops, height, width], as stored on disk."""
    rng = np.random.default_rng(0)
    ids = np.zeros((crops, height, width), np.float32)
    for crop in ids:
        for number in range(30):
            y, x = rng.integers(0, (height, width))
            crop[y : y + 60, x : x + 50] = 26000 + number
    return ids
