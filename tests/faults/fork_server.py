"""Starts programs without the seconds that importing TensorFlow takes: forks after the imports.

    PYTHONPATH=.:tests python -m faults.fork_server

Reads requests from the standard input and answers on the standard output, one JSON object a line:

    {"start": path of a program, "arguments": [...], "log": file}   {"pid": number}
    {"wait": pid, "timeout": seconds}                     {"status": number, negative for a signal,
                                                           null when it still runs}

A child is what the program would be in a process of its own: the runtime of TensorFlow is not
initialised before the fork. Only its imports are paid once, and Python does not tear its modules
down at the end, which takes longer than the imports when the pages must be copied.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import sys
import time
import traceback
from typing import Any

_IMPORTS = (
    "affinity_seg.beam.segmenting",
    "affinity_seg.cli",
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
"""What the programs import; no program's own flags are in it."""

_POLL = 0.005
"""Seconds between two looks at a child."""


def _start(program: str, arguments: list[str], log: str) -> int | None:
    """Forks; returns the child's number in the parent and None in the child, which is set up."""
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = [program, *arguments]
    sys.path.insert(0, os.path.dirname(program))
    return None


def _wait(pid: int, timeout: float) -> int | None:
    """Returns the status of a child, None if it does not end in time."""
    end = time.monotonic() + timeout
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            return None
        time.sleep(_POLL)


def _answer(content: dict[str, Any]) -> None:
    print(json.dumps(content), flush=True)


def main() -> str | None:
    """Serves until the input ends; returns the program to run in a child."""
    for name in _IMPORTS:
        importlib.import_module(name)
    gc.freeze()  # What is there stays where it is: less to copy after a fork.
    _answer({"ready": True})
    while line := sys.stdin.readline():
        request = json.loads(line)
        if "wait" in request:
            _answer({"status": _wait(request["wait"], request["timeout"])})
            continue
        pid = _start(request["start"], request["arguments"], request["log"])
        if pid is None:
            return request["start"]
        _answer({"pid": pid})
    return None


def _run(program: str) -> int:
    """Runs a program; returns its status as Python would end with it."""
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        print(error.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    wanted = main()
    if wanted:
        code = _run(wanted)
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
