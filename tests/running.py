"""Programs of the checkout in a process of their own, as a user starts them.

TensorFlow and Model Garden take seconds to be imported, so one process imports them once, before
any of their code has run, and each program starts as a copy of it (`fork_server`). Nothing of
affinity_seg is in the one that `run_program` uses.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))

ON_CPU = {"CUDA_VISIBLE_DEVICES": ""}
"""Environment of a program that must not see a GPU."""

_MODULE = "-m "
_PRELOADED = ("tensorflow", "tf_keras", "official.core.train_lib", "cv2", "matplotlib")
_FOREVER = 1e9
"""Seconds."""


class ForkServer:
    """Starts programs as copies of a process that has imported what takes long.

    A context manager, which ends that process. Not thread-safe.
    """

    def __init__(self, modules: Sequence[str]):
        """Starts the process, which imports `modules`."""
        self._process = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__), "fork_server.py"), *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self._answer()

    def __enter__(self) -> "ForkServer":
        return self

    def __exit__(self, *_) -> None:
        self._process.stdin.close()
        self._process.wait()

    def start(
        self,
        program: str,
        arguments: Sequence[str],
        outputs: tuple[str, str],
        folder: str = ROOT,
        variables: Mapping[str, str] | None = None,
    ) -> int:
        """Starts a program and returns the number of its process.

        Args:
          program: What follows `python`: "tools/train.py", from the root, "-m benchmarks.merge"
            or "-m affinity_seg merge".
          arguments: Its flags.
          outputs: Files for its standard output and its standard error, which are appended to.
          folder: Current folder of the process.
          variables: Its whole environment; None for `environment()`.
        """
        module, verb = None, []
        if program.startswith(_MODULE):
            module, *verb = program.removeprefix(_MODULE).split()
        request = {
            "start": os.path.join(ROOT, path_of(program)),
            "module": module,
            "arguments": [*verb, *arguments],
            "folder": folder,
            "environment": dict(environment() if variables is None else variables),
            "outputs": outputs,
        }
        return self._ask(request)["pid"]

    def wait(self, pid: int, timeout: float = _FOREVER) -> int | None:
        """Waits for a program; returns its status, negative for a signal.

        Returns None if it has not ended after `timeout` seconds.
        """
        return self._ask({"wait": pid, "timeout": timeout})["status"]

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the fork server has ended")
        return json.loads(line)


def environment(**changes: str | None) -> dict[str, str]:
    """Returns the environment of a program of this checkout, with `changes`; None: not set."""
    variables = {**os.environ, "PYTHONPATH": ROOT, "TF_CPP_MIN_LOG_LEVEL": "3", **changes}
    return {name: value for name, value in variables.items() if value is not None}


def run_python(*arguments: str, folder=ROOT, **changes: str | None) -> subprocess.CompletedProcess:
    """Runs Python with `arguments` in `folder` and returns its status and its output as text."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=False,
    )


def run_verb(verb, folder, *arguments, **changes: str) -> subprocess.CompletedProcess:
    """Runs `affinity_seg VERB` as `run_program` does."""
    return run_program(f"-m affinity_seg {verb}", folder, *arguments, **changes)


def run_program(program, folder, *arguments, **changes: str) -> subprocess.CompletedProcess:
    """Runs a program of the checkout and returns its status and its output as text.

    Args:
      program: What follows `python`: "tools/train.py", from the root, or "-m benchmarks.merge".
      folder: Current folder of the process.
      *arguments: Of the program.
      **changes: Variables of its environment.
    """
    arguments = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as outputs:
        paths = os.path.join(outputs, "stdout"), os.path.join(outputs, "stderr")
        server = _server()
        pid = server.start(program, arguments, paths, str(folder), environment(**changes))
        status = server.wait(pid)
        texts = []
        for path in paths:
            with open(path, encoding="utf-8") as file:
                texts.append(file.read())
    return subprocess.CompletedProcess([program, *arguments], status, *texts)


@functools.cache
def _server() -> ForkServer:
    """Returns the one that `run_program` uses; it ends with this process, which holds its input."""
    return ForkServer(_PRELOADED)


def path_of(program: str) -> str:
    """Returns the file of a program as of `run_program`, from the root."""
    if program.startswith(_MODULE):
        return program.split()[1].replace(".", "/") + ".py"
    return program
