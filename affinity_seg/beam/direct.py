"""Beam's runner for one machine: in this process, or in worker processes that are looked after."""

import contextlib
import re
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from typing import Any

import psutil
from apache_beam.options import pipeline_options
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.transforms.environments import SubprocessSDKEnvironment

PROCESSES = "multi_processing"
"""Value of Beam's --direct_running_mode."""

_WORKER = "affinity_seg.beam.worker"
_WATCHER = "run_worker"
"""Name of Beam's threads that wait for a worker process each."""

_PATIENCE = 10
"""How long the end of a killed process may take, seconds."""


def make_runner(options: pipeline_options.PipelineOptions) -> fn_runner.FnApiRunner:
    """Returns the runner that Beam's DirectRunner ends at.

    Beam's own would first try Prism, a program that it downloads, and its worker processes tell
    all that they do and outlive the program if that is killed.
    """
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    provision = beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
    environment = None
    direct = options.view_as(pipeline_options.DirectOptions)
    if direct.direct_running_mode == PROCESSES:
        command = f"exec {shlex.quote(sys.executable)} -m {_WORKER}"
        environment = SubprocessSDKEnvironment.from_command_string(command)
        direct.direct_running_mode = "in_memory"  # Else the runner takes its own command.
    return fn_runner.FnApiRunner(
        default_environment=environment,
        provision_info=fn_runner.ExtendedProvisionInfo(provision),
    )


def run_watched(run: Callable[[], Any]) -> Any:
    """Calls `run`, which runs a pipeline, and returns what it does.

    If a worker process ends while it is needed, all others are ended as well: Beam would wait for
    them, and for ever for one that ends before it is ready.

    Raises:
      ChildProcessError: A worker process has ended.
    """
    outcome: Future[Any] = Future()

    def call() -> None:
        try:
            result = run()
        except BaseException as error:
            _settle(outcome.set_exception, error)
        else:
            _settle(outcome.set_result, result)

    with _watched_workers(outcome):
        threading.Thread(target=call, daemon=True).start()
        return outcome.result()


@contextlib.contextmanager
def _watched_workers(outcome: Future[Any]) -> Iterator[None]:
    """Gives `outcome` an error when a worker process fails; ends the workers if the body raises."""
    before = threading.excepthook

    def tell(failed: threading.ExceptHookArgs) -> None:
        if failed.thread is None or failed.thread.name != _WATCHER:
            before(failed)
            return
        status = re.search(r"-?\d+$", str(failed.exc_value))
        error = ChildProcessError(
            f"a worker process has ended, status {status[0] if status else 'unknown'}; started "
            "again, the program does what is missing"
        )
        _settle(outcome.set_exception, error)

    threading.excepthook = tell
    try:
        yield
    except BaseException:
        _end_workers()
        raise
    finally:
        threading.excepthook = before


def _settle(set_outcome: Callable[[Any], None], value: Any) -> None:
    """Sets an outcome unless there is one."""
    with contextlib.suppress(InvalidStateError):
        set_outcome(value)


def _end_workers() -> None:
    """Ends the worker processes of this one, and waits for the threads that wait for them."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if _WORKER in child.cmdline():
                child.kill()
    for thread in threading.enumerate():
        if thread.name == _WATCHER:
            thread.join(_PATIENCE)
