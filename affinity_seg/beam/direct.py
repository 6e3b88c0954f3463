"""Beam's runner for one machine: in this process, or in worker processes that are looked after."""

import contextlib
import os
import shlex
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent import futures

import apache_beam as beam
import psutil
from apache_beam.options import pipeline_options
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.runners.runner import PipelineResult
from apache_beam.transforms.environments import SubprocessSDKEnvironment

PROCESSES = "multi_processing"
"""Value of Beam's --direct_running_mode."""

_PATIENCE = 10
"""How long the end of a killed process may take, seconds."""

_POLL = 0.2
"""Seconds between two looks at the worker processes."""

_SIGNALLED = 128
"""What a shell adds to the number of the signal that has ended a process."""


def run(
    build: Callable[[beam.Pipeline], None], options: pipeline_options.PipelineOptions
) -> PipelineResult:
    """Runs a pipeline with the runner that Beam's DirectRunner ends at, and returns its result.

    Beam's DirectRunner would first try Prism, a program that it downloads. Its own worker processes
    tell all that they do, and outlive the program if that is killed.

    Raises:
      ChildProcessError: A worker process has ended while it was needed. Beam would wait for it, so
        that all others are ended as well.
    """
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    provision = beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
    with tempfile.TemporaryDirectory(prefix="affinity_seg_workers_") as folder:
        environment = None
        direct = options.view_as(pipeline_options.DirectOptions)
        if direct.direct_running_mode == PROCESSES:
            environment = SubprocessSDKEnvironment.from_command_string(_command(folder))
            direct.direct_running_mode = "in_memory"  # Else the runner takes its own command.
        pipeline = beam.Pipeline(
            runner=fn_runner.FnApiRunner(
                default_environment=environment,
                provision_info=fn_runner.ExtendedProvisionInfo(provision),
            ),
            options=options,
        )
        build(pipeline)
        return run_watched(pipeline.run, folder)


def run_watched(run_pipeline: Callable[[], PipelineResult], folder: str) -> PipelineResult:
    """Calls `run_pipeline` and returns what it does, unless a worker process ends.

    Args:
      run_pipeline: Runs a pipeline.
      folder: Where the shells of the worker processes leave how these have ended.

    Raises:
      ChildProcessError: A worker process has ended.
    """
    outcome: futures.Future[PipelineResult] = futures.Future()

    def call() -> None:
        try:
            outcome.set_result(run_pipeline())
        except BaseException as error:
            outcome.set_exception(error)

    # Beam waits for a worker that has ended, so that this thread may never end.
    threading.Thread(target=call, daemon=True).start()
    try:
        while not outcome.done():
            _check_workers(folder)
            futures.wait([outcome], _POLL)
        return outcome.result()
    except BaseException:
        _end_workers(folder)
        raise


def _command(folder: str) -> str:
    """Returns the shell's command of a worker process.

    If the process fails, its shell leaves the status in a file and ends well itself: Beam's thread
    that waits for the shell would print a stack trace otherwise.
    """
    worker = f"{shlex.quote(sys.executable)} -m affinity_seg.beam.worker {os.getpid()}"
    return f"{worker} || echo $? > {shlex.quote(folder)}/$$"


def _check_workers(folder: str) -> None:
    """Raises ChildProcessError if a worker process has failed."""
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="ascii") as file:
            text = file.read().strip()
        if text:  # Else the shell is still writing.
            status = int(text)
            status = _SIGNALLED - status if status > _SIGNALLED else status
            raise ChildProcessError(
                f"a worker process has ended, status {status}; started again, the program does "
                "what is missing"
            )


def _end_workers(folder: str) -> None:
    """Ends the worker processes and waits for their shells, whose commands name `folder`."""
    shells = []
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(folder in part for part in process.cmdline()):
                shells.append(process)
                for worker in process.children():
                    worker.kill()
    psutil.wait_procs(shells, timeout=_PATIENCE)
