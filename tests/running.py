"""Programs of the checkout in a process of their own, as a user starts them.

TensorFlow and Model Garden take seconds to be imported, so one process imports them once, before
any of their code has run, and each program starts as a copy of it (`fork_server`). Nothing of
affinity_seg is in the one that `run_program` uses.
"""

import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import weakref
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
          program: What follows `python`: "tools/train.py", from the root, or
            "-m benchmarks.merge".
          arguments: Its flags.
          outputs: Files for its standard output and its standard error, which are appended to.
          folder: Current folder of the process.
          variables: Its whole environment; None for `environment()`.
        """
        is_module = program.startswith(_MODULE)
        request = {
            "start": os.path.join(ROOT, path_of(program)),
            "module": program.removeprefix(_MODULE) if is_module else None,
            "arguments": list(arguments),
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
    """Runs Python with `arguments` in `folder` and returns its status and its output as text.

    It imports all that it needs itself. Where that does not matter, `run_code` is quicker.
    """
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=False,
    )


def run_tool(name, folder, *arguments, **changes: str) -> subprocess.CompletedProcess:
    """Runs `tools/<name>` as `run_program` does."""
    return run_program(f"tools/{name}", folder, *arguments, **changes)


def run_program(program, folder, *arguments, **changes: str) -> subprocess.CompletedProcess:
    """Runs a program as `start_program` does; returns its status and its output as text."""
    return start_program(program, folder, *arguments, **changes).wait()


def run_code(code: str, *arguments, folder=ROOT, **changes: str) -> subprocess.CompletedProcess:
    """Runs Python code that needs TensorFlow in `folder`; returns status and output as text."""
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "code.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(code)
        return run_program(path, folder, *arguments, **changes)


def start_program(program, folder, *arguments, **changes: str) -> "Program":
    """Starts a program of the checkout.

    Args:
      program: What follows `python`: "tools/train.py", from the root, or "-m benchmarks.merge".
      folder: Current folder of the process.
      *arguments: Of the program.
      **changes: Variables of its environment.
    """
    return Program(program, [str(a) for a in arguments], str(folder), environment(**changes))


class Program:
    """A program that the fork server has started.

    A test that fails leaves no process behind: one that nobody refers to any more is killed.
    """

    def __init__(
        self, program: str, arguments: list[str], folder: str, variables: Mapping[str, str]
    ):
        """Starts it; the arguments are those of `ForkServer.start`."""
        self._command = [program, *arguments]
        self._outputs = tempfile.TemporaryDirectory()
        self._paths = tuple(os.path.join(self._outputs.name, n) for n in ("stdout", "stderr"))
        for path in self._paths:
            open(path, "w").close()
        self._pid = _server().start(program, arguments, self._paths, folder, variables)
        self._status: int | None = None
        self._end = weakref.finalize(self, os.kill, self._pid, signal.SIGKILL)

    def is_running(self) -> bool:
        """Returns whether it has not ended yet."""
        self._look(timeout=0)
        return self._status is None

    def kill(self) -> None:
        """Kills it, as a machine without memory does, unless it has ended."""
        self._end()

    def wait(self, timeout: float = _FOREVER) -> subprocess.CompletedProcess:
        """Waits for its end and returns its status and its output as text.

        Raises:
          TimeoutError: It has not ended after `timeout` seconds; it was killed.
        """
        self._look(timeout)
        if self._status is None:
            self.kill()
            self._look(_FOREVER)
            raise TimeoutError(f"{self._command} has not ended:\n{self.output()[-3000:]}")
        return subprocess.CompletedProcess(self._command, self._status, *self._texts())

    def output(self) -> str:
        """Returns what it has written so far, its standard output before its errors."""
        return "".join(self._texts())

    def _look(self, timeout: float) -> None:
        """Waits for its status; once it is known, the number may be that of another process."""
        if self._status is None:
            self._status = _server().wait(self._pid, timeout)
            if self._status is not None:
                self._end.detach()

    def _texts(self) -> list[str]:
        texts = []
        for path in self._paths:
            with open(path, encoding="utf-8") as file:
                texts.append(file.read())
        return texts


@functools.cache
def _server() -> ForkServer:
    """Returns the one that `run_program` uses; it ends with this process, which holds its input."""
    return ForkServer(_PRELOADED)


def path_of(program: str) -> str:
    """Returns the file of a program as of `run_program`, from the root."""
    if program.startswith(_MODULE):
        return program.removeprefix(_MODULE).replace(".", "/") + ".py"
    return program
