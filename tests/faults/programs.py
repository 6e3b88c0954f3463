"""Programs in processes that can be killed, started within milliseconds."""

import os
from typing import NamedTuple

from running import ForkServer

_IMPORTS = (
    "affinity_seg.beam.segmenting",
    "affinity_seg.tasks.registry_imports",
    "affinity_seg.data.tfrecords",
    "affinity_seg.evaluation.judge",
    "affinity_seg.export.coco",
    "affinity_seg.export.label_maps",
    "affinity_seg.pipeline.filters",
    "affinity_seg.pipeline.prediction_runs",
    "affinity_seg.tool_flags",
    "affinity_seg.visualization.pictures",
)
"""What the programs import."""

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
    """Starts programs by a `ForkServer` of its own; a context manager, which ends the server.

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
        self._server = ForkServer(_IMPORTS)

    def __enter__(self) -> "Programs":
        return self

    def __exit__(self, *_) -> None:
        self._server.__exit__()

    def start(self, program: str, *arguments: str) -> Process:
        """Starts a program.

        Args:
          program: `affinity_seg VERB`, or its path relative to the root of the repository.
          *arguments: Its flags.
        """
        self._count += 1
        log = os.path.join(self._scratch, f"{self._count:05}.log")
        if not program.endswith(".py"):
            program = f"-m {program}"
        return Process(self._server.start(program, arguments, (log, log)), log)

    def wait(self, process: Process, timeout: float = TIMEOUT) -> Ended:
        """Waits until a program ends; kills it after `timeout` seconds."""
        status = self._server.wait(process.pid, timeout)
        if status is None:
            self.kill(process)
        with open(process.log, encoding="utf-8", errors="replace") as file:
            return Ended(status, file.read())

    def kill(self, process: Process) -> int:
        """Kills a program by SIGKILL unless it has ended; returns its exit status."""
        os.kill(process.pid, 9)  # Until the server waits for it, the number is of no other.
        return self._server.wait(process.pid, TIMEOUT)

    def run(self, program: str, *arguments: str) -> Ended:
        """Runs a program to its end."""
        return self.wait(self.start(program, *arguments))
