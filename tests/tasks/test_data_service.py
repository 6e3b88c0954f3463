"""Training whose crops come from a tf.data service of other processes."""

import os
import re
import socket
import subprocess
import sys

import pytest
import training_records as records
from running import ON_CPU, ROOT, environment, run_tool, start_program

TOOL = "tools/serve_data.py"


def test_trains_on_crops_of_a_worker(tmp_path):
    # The same relative path leads to images where the worker runs, to rubbish where the trainer is.
    (tmp_path / "worker").mkdir()
    records.write(tmp_path / "worker" / "train.tfrecord")
    (tmp_path / "train.tfrecord").write_bytes(b"rubbish")
    config = records.write_config(tmp_path / "config.yaml", "train.tfrecord")
    servers = []
    try:
        servers.append(start(TOOL, "--port=0"))
        address = re.match(r"dispatcher: (grpc://(\S+))", servers[0].stdout.readline())
        with socket.socket() as listener:
            listener.bind(("localhost", 0))
            port = listener.getsockname()[1]
        worker = f"--dispatcher={address[2]}", f"--address=localhost:{port}"
        servers.append(start(TOOL, *worker, cwd=tmp_path / "worker"))
        assert servers[1].stdout.readline() == f"worker: localhost:{port}\n"
        overrides = {
            "enable_tf_data_service": "true",
            "tf_data_service_address": address[1],
            "tf_data_service_job_name": "test",
        }
        training = start_program(
            "tools/train.py",
            tmp_path,
            "--experiment=affinity_seg_affinity",
            "--mode=train",
            f"--config_file={config}",
            f"--model_dir={tmp_path}/model",
            "--params_override="
            + ",".join(f"task.train_data.{key}={value}" for key, value in overrides.items()),
            **ON_CPU,
        ).wait(timeout=240)
        assert training.returncode == 0, training.stderr[-2000:]
        assert (tmp_path / "model" / "ckpt-2.index").exists()
    finally:
        for server in servers:
            server.kill()


@pytest.mark.parametrize(
    "arguments, wanted",
    [
        (["--address=localhost:1"], "`--dispatcher`: localhost:1"),
        (["--dispatcher=localhost:1"], "`--address` must be host:port"),
        (["--dispatcher=localhost:1", "--address=localhost:x"], "localhost:x"),
    ],
)
def test_errors_are_one_message(arguments, wanted):
    result = run_tool("serve_data.py", ROOT, *arguments, **ON_CPU)
    assert result.returncode != 0
    assert wanted in result.stderr and "Traceback" not in result.stderr


def start(tool, *arguments, cwd=ROOT):
    return subprocess.Popen(
        [sys.executable, os.path.join(ROOT, tool), *arguments],
        cwd=cwd,
        env=environment(**ON_CPU),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
