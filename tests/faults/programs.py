"""The programs of tools/ in processes that can be killed, started within milliseconds."""

import json
import os
import subprocess
import sys
from typing import Any, NamedTuple

_TESTS = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
_ROOT = os.path.dirname(_TESTS)

TIMEOUT = 300.0
"""Seconds after which a program counts as hanging."""


class Ended(NamedTuple):
    """How a program ended.

    Attributes:
      status: Its exit status, negative for a signal, None if it hung and was killed.
      text: What it has written.
    """

    status: int | None
    text: str

    def message(self) -> str:
        """Returns the last line that it has written, its error if it had one."""
        return ([""] + self.text.strip().splitlines())[-1]


class Process(NamedTuple):
    """A program that runs: its number, and the file of what it writes."""

    pid: int
    log: str


class Programs:
    """Starts programs by `fork_server`; a context manager, which ends the server.

    Not thread-safe.
    """

    def __init__(self, scratch: str):
        """Starts the server.

        Args:
          scratch: Folder for what the programs write to their output.
        """
        self._scratch = scratch
        self._count = 0
        os.makedirs(scratch, exist_ok=True)
        path = os.pathsep.join(filter(None, [_ROOT, _TESTS, os.environ.get("PYTHONPATH")]))
        self._server = subprocess.Popen(
            [sys.executable, "-m", "faults.fork_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        self._answer()

    def __enter__(self) -> "Programs":
        return self

    def __exit__(self, *_) -> None:
        self._server.stdin.close()
        self._server.wait()

    def start(self, program: str, *arguments: str) -> Process:
        """Starts a program.

        Args:
          program: Its path relative to the root of the repository.
          *arguments: Its flags.
        """
        self._count += 1
        log = os.path.join(self._scratch, f"{self._count:05}.log")
        path = os.path.join(_ROOT, program)
        answer = self._ask({"start": path, "arguments": arguments, "log": log})
        return Process(answer["pid"], log)

    def wait(self, process: Process, timeout: float = TIMEOUT) -> Ended:
        """Waits until a program ends; kills it after `timeout` seconds."""
        status = self._ask({"wait": process.pid, "timeout": timeout})["status"]
        if status is None:
            self.kill(process)
        with open(process.log, encoding="utf-8", errors="replace") as file:
            return Ended(status, file.read())

    def kill(self, process: Process) -> int:
        """Kills a program by SIGKILL unless it has ended; returns its exit status."""
        os.kill(process.pid, 9)  # Until the server waits for it, the number is of no other.
        return self._ask({"wait": process.pid, "timeout": TIMEOUT})["status"]

    def run(self, program: str, *arguments: str) -> Ended:
        """Runs a program to its end."""
        return self.wait(self.start(program, *arguments))

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._server.stdout.readline()
        if not line:
            raise RuntimeError("the fork server has ended")
        return json.loads(line)
