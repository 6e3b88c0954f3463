"""Inputs that a run could not use: listed by name and reason, while the run goes on."""

import contextlib
import copy
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from absl import logging

from affinity_seg import files, input_errors, structured

FILE_NAME = "rejected.json"

EXIT_STATUS = 3
"""Exit status of a program that finished, but could not use some of its inputs."""


class RejectedInput(NamedTuple):
    """An input that could not be used.

    Attributes:
      name: Key of the input.
      file: Its file.
      reason: What was wrong.
    """

    name: str
    file: str
    reason: str


class RejectedInputs:
    """The inputs that one run could not use, in a JSON file of its output folder.

    The file is a list of {"name", "file", "reason"}, in the order of the failures. An input that
    fails in two stages of a run is listed once, with the last reason. The file is written again at
    each addition, so that a killed run leaves the list until then. At the end of a run it lists the
    failures of that run only: if there are none, `finish` removes the file of an earlier run.
    """

    def __init__(self, folder: str | None = None, strict: bool = False):
        """Makes an empty list.

        Args:
          folder: Output folder of the run, made if needed. None: the list stays in memory. This is
            for runs of several processes: each returns its list by `take`, and one process collects
            and `write`s them.
          strict: Whether errors are raised instead of listed.
        """
        self._folder = folder
        self._strict = strict
        self._prefix = ""
        self._rejected: dict[str, RejectedInput] = {}

    def __len__(self) -> int:
        return len(self._rejected)

    def reason(self, name: str) -> str:
        """Returns what was wrong with an input that is listed."""
        return self._rejected[self._prefix + name].reason

    @property
    def is_strict(self) -> bool:
        """Whether errors are raised instead of listed."""
        return self._strict

    def part(self, prefix: str) -> "RejectedInputs":
        """Returns a list that adds to this one, for a part of the inputs.

        Args:
          prefix: Precedes the names of the inputs, since names of two parts may be the same.
        """
        part = copy.copy(self)
        part._prefix += prefix
        return part

    @contextlib.contextmanager
    def listed(self, name: str, path: str) -> Iterator[None]:
        """Lists an input if the body raises an error that an input can cause.

        The body must only read or compute, because an error of writing is not caused by the input.

        Args:
          name: Key of the input.
          path: Its file.
        """
        try:
            yield
        except input_errors.types() as error:
            if self._strict or input_errors.is_of_the_machine(error):
                raise
            self.add(name, path, str(error))

    def __contains__(self, name: str) -> bool:
        return self._prefix + name in self._rejected

    def add(self, name: str, path: str, reason: str) -> None:
        """Lists an input; for callers that cannot use the context manager `listed`."""
        entry = RejectedInput(self._prefix + name, path, reason)
        self._rejected[entry.name] = entry
        if self._folder is not None:
            logging.warning("left out: %s", reason)
            write(self._folder, self._rejected.values())

    def take(self) -> list[RejectedInput]:
        """Returns the inputs that were listed since the last call, and clears the list."""
        taken = list(self._rejected.values())
        self._rejected.clear()
        return taken

    def finish(self) -> int:
        """Prints how many inputs were left out, if any, and returns the exit status of the run."""
        if not self._rejected:
            write(self._folder, [])
        return report(self._folder)


def write(folder: str, rejected: Iterable[RejectedInput]) -> None:
    """Writes the file; removes that of an earlier run if there is nothing to list."""
    path = os.path.join(folder, FILE_NAME)
    listed = [entry._asdict() for entry in rejected]
    if listed:
        files.write_json(path, listed)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)


def report(folder: str) -> int:
    """Prints how many inputs the file in `folder` lists, and returns the exit status.

    For runs in which another process writes the file.
    """
    path = os.path.join(folder, FILE_NAME)
    if not os.path.isfile(path):
        return 0
    count = len(structured.read_json(path))
    inputs = "1 input" if count == 1 else f"{count} inputs"
    print(f"{inputs} could not be used, see {path}")
    return EXIT_STATUS
