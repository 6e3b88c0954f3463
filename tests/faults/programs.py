"""Programs of the checkout whose end is looked at: how they ended, and what they said."""

from typing import NamedTuple

from running import ROOT, Program, start_program

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


def start(program: str, *arguments: str) -> Program:
    """Starts a program.

    Args:
      program: `affinity_seg VERB`, or its path relative to the root of the repository.
      *arguments: Its flags.
    """
    if not program.endswith(".py"):
        program = f"-m {program}"
    return start_program(program, ROOT, *arguments)


def wait(process: Program, timeout: float = TIMEOUT) -> Ended:
    """Waits until a program ends; kills it after `timeout` seconds."""
    try:
        status = process.wait(timeout).returncode
    except TimeoutError:
        status = None
    return Ended(status, process.output())


def kill(process: Program) -> int:
    """Kills a program by SIGKILL unless it has ended; returns its exit status."""
    process.kill()
    return process.wait(TIMEOUT).returncode


def run(program: str, *arguments: str) -> Ended:
    """Runs a program to its end."""
    return wait(start(program, *arguments))
