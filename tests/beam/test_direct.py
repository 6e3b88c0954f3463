"""Worker processes on this machine: what happens when one of them, or the program, is killed."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from running import ROOT, environment

from affinity_seg.beam import direct

PATIENCE = 300
"""Longest time that anything here may take on a busy machine, seconds."""


def workers_of(process):
    found = []
    for child in process.children(recursive=True):
        try:
            if "affinity_seg.beam.worker" in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            pass
    return found


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture
def program(wanted, tmp_path):
    """tools/beam_segment.py with two workers, which have begun."""
    command = [
        sys.executable, os.path.join(ROOT, "tools", "beam_segment.py"),
        f"--input={wanted.streets}", f"--preset={wanted.folder}/preset.yaml",
        f"--model={wanted.folder}", f"--output_dir={tmp_path}/out", "--direct_num_workers=2",
    ]  # fmt: skip
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for(lambda: len(workers_of(psutil.Process(process.pid))) == 2)
        yield process
        process.kill()


@pytest.mark.long
def test_a_killed_worker_ends_the_program_with_one_line(program, wanted, segment, tmp_path):
    workers = workers_of(psutil.Process(program.pid))
    os.kill(workers[0].pid, signal.SIGKILL)
    _, errors = program.communicate(timeout=PATIENCE)
    assert program.returncode == 1
    assert errors.strip().splitlines()[-1] == (
        "beam_segment.py: a worker process has ended, status -9; started again, the program does "
        "what is missing"
    )
    assert "Traceback" not in errors
    assert not psutil.wait_procs(workers, timeout=PATIENCE)[1]
    segment(wanted.networks_run(tmp_path / "out"))
    wanted.assert_equal(tmp_path / "out")


@pytest.mark.long
def test_workers_end_with_a_program_that_is_killed(program):
    workers = workers_of(psutil.Process(program.pid))
    os.kill(program.pid, signal.SIGKILL)
    assert not psutil.wait_procs(workers, timeout=PATIENCE)[1]


def test_an_outcome_is_passed_on(tmp_path):
    assert direct.run_watched(lambda: 5, str(tmp_path)) == 5
    with pytest.raises(KeyError, match="no such"):
        direct.run_watched(lambda: {}["no such"], str(tmp_path))
