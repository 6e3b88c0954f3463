"""No step of a shipped training leaves work to the host that belongs on a GPU."""

import gpu_kernels
import pytest
import tensorflow as tf
from flagfiles import ROOT, TRAINING, parse
from official.core import task_factory
from official.modeling import optimization

from affinity_seg.tasks import registry_imports  # noqa: F401

ALLOWED = {}
"""Operations that may run on the host, by type, with the reason. There are none."""

FEWER_UNITS = "task.model.backbone.resnet_v1.units=[1,1,1,1]"
"""The other units of a block repeat the operations of its first and last one."""

GPUS = 4


def batch_spec(config):
    """Returns the shapes and types of a batch of crops."""
    batch = config.global_batch_size
    height, width = config.crop_size
    return {
        "image": tf.TensorSpec([batch, height, width, 3], tf.uint8),
        "instances": tf.TensorSpec([batch, height, width], tf.float32),
        "fingerprint": tf.TensorSpec([batch], tf.int64),
    }


STEPS = [
    name if name.startswith("cityscapes") else pytest.param(name, marks=pytest.mark.long)
    for name in TRAINING
]
"""All flagfiles. Those of the networks for CPUs are left to the long tests."""


@pytest.mark.parametrize("name", STEPS)
def test_steps_stay_on_the_gpu(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    params = parse(name, FEWER_UNITS)
    data = params.task.train_data, params.task.validation_data
    for config in data:
        config.global_batch_size = max(1, config.global_batch_size // GPUS)
    task = task_factory.get_task(params.task)
    model = task.build_model()
    optimizer = task.create_optimizer(params.trainer.optimizer_config, params.runtime)
    if isinstance(optimizer, optimization.ExponentialMovingAverage):
        optimizer.shadow_copy(model)  # As Model Garden's trainer does.
    for training in (True, False):
        task.build_metrics(training)
    train, validate = (
        lambda crops: task.train_step(crops, model, optimizer),
        lambda crops: task.validation_step(crops, model),
    )
    for step, config in zip((train, validate), data, strict=True):
        graph = tf.function(step, autograph=False).get_concrete_function(batch_spec(config)).graph
        assert len(list(gpu_kernels.operations(graph))) > 500
        assert [f for f in gpu_kernels.faults(graph) if f.op not in ALLOWED] == []


def test_the_registry_knows_what_a_gpu_leaves_to_the_host():
    ids = tf.TensorSpec([2, 600, 600], tf.int32)
    graph = tf.function(lambda x: tf.reduce_sum(tf.cast(x > 3, tf.float32)))
    found = gpu_kernels.faults(graph.get_concrete_function(ids).graph)
    assert {(fault.op, fault.arguments) for fault in found} == {
        ("Placeholder", ("output",)),
        ("Greater", ("x",)),
    }
    names = tf.function(lambda x: tf.strings.length(x))
    found = gpu_kernels.faults(names.get_concrete_function(tf.TensorSpec([], tf.string)).graph)
    assert [(fault.op, fault.arguments) for fault in found] == [("StringLength", ())]


def test_faults_in_functions_are_found():
    def body(index, total):
        ids = tf.cast(tf.fill([600, 600], tf.cast(index, tf.float32)), tf.int32)
        return index + 1, total + tf.reduce_sum(tf.cast(ids > 3, tf.float32))

    loop = tf.function(lambda: tf.while_loop(lambda i, _: i < 3, body, (tf.constant(0), 0.0)))
    found = gpu_kernels.faults(loop.get_concrete_function().graph)
    assert [(fault.op, fault.arguments) for fault in found] == [("Greater", ("x",))]
