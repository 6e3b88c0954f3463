"""Training end to end on a few drawn images: steps, summaries, reload, replicas, a kill."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
import training_records as records
import yaml
from official.core import task_factory, train_utils

from affinity_seg.configs import experiments
from affinity_seg.inference import fingerprint
from affinity_seg.modeling import loading
from affinity_seg.tasks import (
    registry_imports,  # noqa: F401
    training,
)

ROOT = pathlib.Path(__file__).parents[2]
KINDS = {"semantic": experiments.SEMANTIC, "affinity": experiments.AFFINITY}


def parse(kind, config, override=""):
    options = train_utils.ParseConfigOptions(
        experiment=KINDS[kind], config_file=[str(config)], params_override=override
    )
    return train_utils.parse_configuration(options, lock_return=False, print_return=False)


@pytest.fixture(scope="module", params=list(KINDS))
def trained(request, tmp_path_factory):
    """A network of each kind after two steps and an evaluation: (kind, model_dir)."""
    folder = tmp_path_factory.mktemp(request.param)
    records.write(folder / "train.tfrecord")
    config = records.write_config(folder / "config.yaml", folder / "train.tfrecord")
    model_dir = folder / "model"
    training.run(parse(request.param, config), str(model_dir), "train_and_eval")
    return request.param, model_dir


def summaries(folder):
    """Returns {tag: kinds of its summaries} of all event files in `folder`."""
    tags = {}
    for path in folder.glob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                tags[value.tag] = value.metadata.plugin_data.plugin_name
    return tags


def test_writes_checkpoints_params_and_summaries(trained):
    kind, model_dir = trained
    assert tf.train.latest_checkpoint(str(model_dir)).endswith("ckpt-2")
    params = yaml.safe_load((model_dir / "params.yaml").read_text())
    assert params["task"]["name"] == KINDS[kind]
    assert summaries(model_dir / "train")["training_loss"] == "scalars"
    tags = summaries(model_dir / "validation")
    expected = {
        "semantic": {
            "input": "images",
            "classes_truth": "images",
            "classes_prediction": "images",
            "mean_iou": "scalars",
            "iou/car": "scalars",
        },
        "affinity": {
            "input": "images",
            "affinity_truth": "images",
            "affinity_prediction": "images",
            "accuracy": "scalars",
            "average_precision": "scalars",
            "recall": "scalars",
            "recall/64": "scalars",
            "pair_loss/1": "scalars",
        },
    }[kind]
    assert expected.items() <= tags.items()


def test_load_network_gives_the_trained_weights(trained):
    kind, model_dir = trained
    network = loading.load_network(str(model_dir))
    assert (network.kind, network.output_stride) == (kind, 8)
    assert network.class_table.name == "cityscapes"
    assert network.num_outputs == {"semantic": 9, "affinity": 56}[kind]
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(model_dir)))
    key = "head/_classifier/kernel/.ATTRIBUTES/VARIABLE_VALUE"
    np.testing.assert_array_equal(network.model.head.get_weights()[0], reader.get_tensor(key))
    image = np.random.default_rng(0).integers(0, 256, (1, 65, 90, 3), np.uint8)
    logits = network.logits(network.normalize(image))
    assert logits.shape == (1, 9, 12, network.num_outputs)
    assert logits.dtype == tf.float32
    again = loading.load_network(str(model_dir), output_stride=16)
    coarse = again.logits(again.normalize(image))
    assert coarse.shape == (1, 5, 6, network.num_outputs)
    np.testing.assert_array_equal(
        again.model.backbone.get_weights()[0], network.model.backbone.get_weights()[0]
    )
    np.testing.assert_array_equal(
        logits, loading.load_network(str(model_dir)).logits(network.normalize(image))
    )


def test_the_best_checkpoint_is_kept_and_loads(trained):
    kind, model_dir = trained
    info = yaml.safe_load((model_dir / "best" / "info.json").read_text())
    assert {"semantic": "mean_iou", "affinity": "average_precision"}[kind] in str(info)
    best, last = (loading.load_network(str(folder)) for folder in (model_dir / "best", model_dir))
    assert (best.kind, best.num_outputs) == (last.kind, last.num_outputs)
    identities = [fingerprint.model_identity(str(f)) for f in (model_dir / "best", model_dir)]
    assert identities[0] != identities[1]
    # There was one validation, after the last step.
    for ours, theirs in zip(best.model.get_weights(), last.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_half_precision_gives_nearly_the_same_logits(trained):
    _, model_dir = trained
    image = np.random.default_rng(0).integers(0, 256, (1, 65, 90, 3), np.uint8)
    exact = loading.load_network(str(model_dir))
    wanted = exact.logits(exact.normalize(image)).numpy()
    for precision in ("mixed_float16", "mixed_bfloat16"):
        network = loading.load_network(str(model_dir), precision=precision)
        assert network.model.compute_dtype == precision.removeprefix("mixed_")
        assert {weight.dtype for weight in network.model.weights} == {tf.float32}
        logits = network.logits(network.normalize(image))
        assert logits.dtype == tf.float32
        difference = np.abs(logits - wanted).max()
        assert 0 < difference < 0.05 * np.abs(wanted).max()


def test_load_network_names_what_is_missing(trained, tmp_path):
    _, model_dir = trained
    with pytest.raises(FileNotFoundError, match="nowhere"):
        loading.load_network(str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"params\.yaml is missing"):
        loading.load_network(str(tmp_path))
    (tmp_path / "params.yaml").write_text((model_dir / "params.yaml").read_text())
    with pytest.raises(FileNotFoundError, match="checkpoint"):
        loading.load_network(str(tmp_path))


def test_damaged_folders_are_named(trained, tmp_path):
    _, model_dir = trained
    shutil.copytree(model_dir, tmp_path / "model")
    weights = next((tmp_path / "model").glob("ckpt-2.data*"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"ckpt-2: the checkpoint is damaged"):
        loading.load_network(str(tmp_path / "model"))
    for content in (
        "task: [",
        "",
        "task: {name: other}",
        "{task: {name: affinity_seg_affinity, a: 1}}",
    ):
        (tmp_path / "model" / "params.yaml").write_text(content)
        with pytest.raises(ValueError, match=r"params\.yaml: not a configuration that tools/train"):
            loading.load_network(str(tmp_path / "model"))


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize(
    "override, field",
    [
        ("task.model.aspp.filters=16", "task.model"),
        ("task.class_table=configs/class_tables/nuclei.yaml", "class table"),
        (None, "task.name"),
    ],
)
def test_the_folder_of_another_network_is_refused(trained, override, field, mode):
    kind, model_dir = trained
    config = model_dir.parent / "config.yaml"
    before = {path: path.read_bytes() for path in model_dir.glob("*.yaml")}
    other = next(k for k in KINDS if k != kind)
    params = parse(kind if override else other, config, override or "")
    with pytest.raises(ValueError, match=f"another network.*`{field}`"):
        training.run(params, str(model_dir), mode)
    assert before == {path: path.read_bytes() for path in model_dir.glob("*.yaml")}


def test_starts_from_backbone_and_decoder_of_the_other_network(trained, tmp_path):
    kind, model_dir = trained
    other = next(k for k in KINDS if k != kind)
    override = f"task.init_checkpoint={model_dir}"
    params = parse(other, model_dir.parent / "config.yaml", override)
    task = task_factory.get_task(params.task)
    model = task.build_model()
    with pytest.raises(ValueError, match=r"ckpt-2: .*has 'head'.*channels there"):
        task.initialize(model)
    task.task_config.init_checkpoint_modules = ["backbone", "decoder"]
    task.initialize(model)
    trained_model = loading.load_network(str(model_dir)).model
    for part in ("backbone", "decoder"):
        for ours, theirs in zip(
            getattr(model, part).get_weights(),
            getattr(trained_model, part).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(ours, theirs)
    task.task_config.init_checkpoint = str(tmp_path)
    with pytest.raises(FileNotFoundError, match="checkpoint"):
        task.initialize(model)


def test_frozen_batch_norm_stays_while_kernels_are_trained(tmp_path):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(tmp_path / "config.yaml", tmp_path / "train.tfrecord")
    training.run(parse("affinity", config), str(tmp_path / "first"), "train")
    frozen = f"task.init_checkpoint={tmp_path}/first,task.freeze_batch_norm=true"
    training.run(parse("affinity", config, frozen), str(tmp_path / "second"), "train")
    first, second = (loading.load_network(str(tmp_path / n)).model for n in ("first", "second"))
    for ours, theirs in zip(second.weights, first.weights, strict=True):
        is_same = np.array_equal(ours, theirs)
        assert is_same != ("kernel" in ours.name or "bias" in ours.name), ours.name


def test_a_loss_that_is_not_finite_names_step_and_images(tmp_path):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(
        tmp_path / "config.yaml",
        tmp_path / "train.tfrecord",
        train_steps=50,
        checkpoint_interval=50,
    )
    rate = "trainer.optimizer_config.learning_rate.exponential.initial_learning_rate=1e30"
    message = r"the loss of step [23] is (nan|inf); images of its batch: [0-3]\.png, [0-3]\.png$"
    with pytest.raises(ValueError, match=message):
        training.run(parse("affinity", config, rate), str(tmp_path / "model"), "train")
    saved = loading.load_network(str(tmp_path / "model"))  # Model Garden saves the first step.
    assert all(np.isfinite(weight).all() for weight in saved.model.get_weights())


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(tmp_path / "config.yaml", tmp_path / "train.tfrecord")
    rate = "trainer.optimizer_config.learning_rate.exponential.initial_learning_rate=.inf"
    with pytest.raises(ValueError, match=r"the weights of step 1 are not saved: .* is not finite"):
        training.run(parse("semantic", config, rate), str(tmp_path / "model"), "train")
    assert tf.train.latest_checkpoint(str(tmp_path / "model")) is None


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_trains_in_mixed_precision(tmp_path, dtype):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(tmp_path / "config.yaml", tmp_path / "train.tfrecord")
    before = tf_keras.mixed_precision.global_policy()
    try:
        params = parse("affinity", config, f"runtime.mixed_precision_dtype={dtype}")
        training.run(params, str(tmp_path / "model"), "train")
    finally:
        tf_keras.mixed_precision.set_global_policy(before)
    weights = loading.load_network(str(tmp_path / "model")).model.weights
    assert {weight.dtype for weight in weights} == {tf.float32}
    assert all(np.isfinite(weight.numpy()).all() for weight in weights)


def test_class_table_travels_with_the_model(tmp_path):
    records.write(tmp_path / "train.tfrecord", cityscapes=False)
    config = records.write_config(tmp_path / "config.yaml", tmp_path / "train.tfrecord")
    (tmp_path / "cells.yaml").write_text(
        "{name: cells, class_names: [background, cell], label_ids: [1], encoding: ids}"
    )
    override = f"task.class_table={tmp_path}/cells.yaml,task.losses.class_weights=[1.0,2.0]"
    params = parse("semantic", config, override)
    training.run(params, str(tmp_path / "model"), "train")
    (tmp_path / "cells.yaml").unlink()
    network = loading.load_network(str(tmp_path / "model"))
    assert network.class_table.class_names == ("background", "cell")
    assert network.class_table.encoding == "ids"
    assert network.num_outputs == 2


def test_same_seed_same_weights(tmp_path):
    records.write(tmp_path / "train.tfrecord", count=6)
    config = records.write_config(
        tmp_path / "config.yaml", tmp_path / "train.tfrecord", train_steps=1
    )
    weights = []
    for run, seed in enumerate((5, 5, 6)):
        model_dir = str(tmp_path / str(run))
        params = parse("affinity", config, "task.distances=[1,8]")
        training.run(params, model_dir, "train", seed=seed)
        weights.append(loading.load_network(model_dir).model.get_weights()[0])
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-4, atol=1e-6)
    assert np.abs(weights[0] - weights[2]).max() > 1e-2


TWO_REPLICAS = """
import sys
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from official.core import train_lib, train_utils, task_factory
from affinity_seg.tasks import registry_imports
params = train_utils.parse_configuration(train_utils.ParseConfigOptions(
    experiment="affinity_seg_affinity", config_file=[sys.argv[1]],
    params_override="task.distances=[1,8]"), print_return=False)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    task = task_factory.get_task(params.task)
model, logs = train_lib.run_experiment(
    strategy, task, "train_and_post_eval", params, sys.argv[2])
print("replicas", strategy.num_replicas_in_sync, "loss", float(logs["validation_loss"]))
"""


def test_two_replicas_train_a_step(tmp_path):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(
        tmp_path / "config.yaml", tmp_path / "train.tfrecord", train_steps=1
    )
    result = subprocess.run(
        [sys.executable, "-c", TWO_REPLICAS, str(config), str(tmp_path / "model")],
        cwd=ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    match = re.search(r"replicas 2 loss ([0-9.]+)", result.stdout)
    assert 0 < float(match[1]) < 10
    assert tf.train.latest_checkpoint(str(tmp_path / "model")).endswith("ckpt-1")


def test_continues_after_a_kill(tmp_path):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(
        tmp_path / "config.yaml", tmp_path / "train.tfrecord", train_steps=100_000
    )
    model_dir = tmp_path / "model"
    command = [
        sys.executable,
        "tools/train.py",
        "--experiment=affinity_seg_affinity",
        "--mode=train",
        f"--config_file={config}",
        f"--model_dir={model_dir}",
    ]
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=_environment(), stdout=log, stderr=log)
        deadline = time.time() + 120
        while _latest_step(model_dir) < 3 and process.poll() is None and time.time() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
    step = _latest_step(model_dir)
    assert step >= 3, (tmp_path / "log").read_text()[-2000:]
    restored = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(model_dir)))
    key = "global_step/.ATTRIBUTES/VARIABLE_VALUE"
    assert restored.get_tensor(key) == step
    result = subprocess.run(
        [*command, f"--params_override=trainer.train_steps={step + 2}"],
        cwd=ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert f"restored from checkpoint: {model_dir}/ckpt-{step}" in result.stdout
    assert f"step:      {step + 1} |" in re.sub(r"step: +", "step:      ", result.stdout)
    assert _latest_step(model_dir) == step + 2


def test_a_dry_run_makes_a_step_and_leaves_nothing(tmp_path):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(tmp_path / "config.yaml", tmp_path / "train.tfrecord")
    result = subprocess.run(
        [
            sys.executable,
            "tools/train.py",
            "--experiment=affinity_seg_affinity",
            f"--config_file={config}",
            f"--model_dir={tmp_path}/model",
            "--dry_run",
        ],
        cwd=ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert not (tmp_path / "model").exists()
    assert re.search(r"step: +1 .*\n?.*training_loss", result.stdout)
    lines = result.stdout.splitlines()
    assert "image: uint8 [2, 64, 64, 3]" in lines
    assert "instances: int32 [2, 64, 64]" in lines
    assert "logits: [2, 8, 8, 56]" in lines
    memory = next(line for line in lines if line.startswith("memory of the process"))
    assert 0.1 < float(memory.split()[4]) < 20


@pytest.mark.parametrize(
    "override, wanted",
    [("task.losses.sample_strid=2", "sample_strid"), ("task.train_data.input_path=x*", "x*")],
)
def test_errors_are_one_message(tmp_path, override, wanted):
    result = subprocess.run(
        [
            sys.executable,
            "tools/train.py",
            "--flagfile=tools/flagfiles/demo_affinity.flags",
            f"--model_dir={tmp_path}",
            f"--params_override={override}",
        ],
        cwd=ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
    )
    assert result.returncode != 0
    assert wanted in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


def _latest_step(model_dir):
    path = tf.train.latest_checkpoint(str(model_dir))
    return int(path.rpartition("-")[2]) if path else 0


def _environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
