"""`train` and the trainer in processes of their own: replicas, a kill, a dry run, errors."""

import re
import time

import pytest
import tensorflow as tf
import training_records as records
from running import ON_CPU, ROOT, run_code, run_verb, start_program

from affinity_seg import model_folder

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


@pytest.mark.long
def test_two_replicas_train_a_step(tmp_path):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(
        tmp_path / "config.yaml", tmp_path / "train.tfrecord", train_steps=1
    )
    result = run_code(TWO_REPLICAS, config, tmp_path / "model", **ON_CPU)
    assert result.returncode == 0, result.stderr[-2000:]
    match = re.search(r"replicas 2 loss ([0-9.]+)", result.stdout)
    assert 0 < float(match[1]) < 10
    assert tf.train.latest_checkpoint(str(tmp_path / "model")).endswith("ckpt-1")


@pytest.mark.long
def test_continues_after_a_kill(tmp_path):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(
        tmp_path / "config.yaml", tmp_path / "train.tfrecord", train_steps=100_000
    )
    model_dir = tmp_path / "model"
    arguments = [
        "--experiment=affinity_seg_affinity",
        "--mode=train",
        "--preset=nuclei",
        f"--config_file={config}",
        f"--model={tmp_path}",
        "--network=model",
    ]
    program = start_program("tools/train.py", ROOT, *arguments, **ON_CPU)
    deadline = time.time() + 120
    while program.is_running() and time.time() < deadline:
        if records.latest_step(model_dir) >= 3:
            break
        time.sleep(0.2)
    program.kill()
    program.wait()
    step = records.latest_step(model_dir)
    assert step >= 3, program.output()[-2000:]
    restored = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(model_dir)))
    key = "global_step/.ATTRIBUTES/VARIABLE_VALUE"
    assert restored.get_tensor(key) == step
    end = f"--params_override=trainer.train_steps={step + 2}"
    result = run_verb("train", ROOT, *arguments, end, **ON_CPU)
    assert result.returncode == 0, result.stderr[-2000:]
    assert f"restored from checkpoint: {model_dir}/ckpt-{step}" in result.stdout
    assert f"step:      {step + 1} |" in re.sub(r"step: +", "step:      ", result.stdout)
    assert records.latest_step(model_dir) == step + 2
    described = (tmp_path / model_folder.FILE).read_text()
    assert described == "networks:\n  affinity: model\npreset: nuclei\n"


def test_a_dry_run_makes_a_step_and_leaves_nothing(tmp_path):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(tmp_path / "config.yaml", tmp_path / "train.tfrecord")
    result = run_verb(
        "train",
        ROOT,
        "--experiment=affinity_seg_affinity",
        f"--config_file={config}",
        f"--model={tmp_path}",
        "--network=model",
        "--dry_run",
        **ON_CPU,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert not (tmp_path / "model").exists()
    assert re.search(r"step: +1 .*\n?.*training_loss", result.stdout)
    lines = result.stdout.splitlines()
    assert "image: uint8 [2, 64, 64, 3]" in lines
    assert "instances: float32 [2, 64, 64]" in lines
    assert "logits: [2, 8, 8, 56]" in lines
    memory = next(line for line in lines if line.startswith("memory of the process"))
    assert 0.1 < float(memory.split()[4]) < 20


@pytest.mark.parametrize(
    "override, wanted",
    [("task.losses.sample_strid=2", "sample_strid"), ("task.train_data.input_path=x*", "x*")],
)
def test_errors_are_one_message(tmp_path, override, wanted):
    result = run_verb(
        "train",
        ROOT,
        "--flagfile=tools/flagfiles/demo_joint.flags",
        f"--model={tmp_path}",
        f"--params_override={override}",
        **ON_CPU,
    )
    assert result.returncode != 0
    assert wanted in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
