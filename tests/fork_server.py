"""Starts programs without the seconds that importing TensorFlow takes: forks after the imports.

    python tests/fork_server.py tensorflow ...

Imports the modules that the arguments name. Then reads requests from the standard input and
answers on the standard output, one JSON object a line:

    {"start": path of a program, "module": its name if it runs as a module, "arguments": [...],
     "folder": current folder, "environment": {...}, "outputs": [file, file]}       {"pid": number}
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
import threading
import time
import traceback
from typing import Any

_POLL = 0.005
"""Seconds between two looks at a child."""


def _start(request: dict[str, Any]) -> int:
    """Forks; returns the child's number in the parent and 0 in the child, which is set up."""
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGINT, signal.default_int_handler)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    files = [os.open(os.devnull, os.O_RDONLY)]
    files += [os.open(path, flags, 0o644) for path in request["outputs"]]
    for stream, file in enumerate(files):
        os.dup2(file, stream)
        os.close(file)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    program = request["start"]
    sys.argv = [program, *request["arguments"]]
    sys.path.insert(0, request["folder"] if request["module"] else os.path.dirname(program))
    return 0


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


def main(modules: list[str]) -> dict[str, Any] | None:
    """Serves until the input ends; returns in a child, with the request for what it is to run."""
    for name in modules:
        importlib.import_module(name)
    gc.freeze()  # What is there stays where it is: less to copy after a fork.
    _answer({"ready": True})
    while line := sys.stdin.readline():
        request = json.loads(line)
        if "wait" in request:
            _answer({"status": _wait(request["wait"], request["timeout"])})
            continue
        pid = _start(request)
        if not pid:
            return request
        _answer({"pid": pid})
    return None


def _run(request: dict[str, Any]) -> int:
    """Runs a program; returns its status as Python would end with it."""
    try:
        if request["module"]:
            runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(request["start"], run_name="__main__")
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
    del sys.path[0]  # The folder of this file, which programs do not see.
    wanted = main(sys.argv[1:])
    if wanted:
        code = _run(wanted)
        threading._shutdown()  # Python waits for threads as well.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
