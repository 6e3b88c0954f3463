"""Programs of the checkout in a process of their own, as a user starts them.

TensorFlow and Model Garden take seconds to be imported, so one process imports them once, before
any of their code has run, and each program starts as a copy of it (`multiprocessing`'s
forkserver). Nothing of affinity_seg is in it.
"""

import atexit
import functools
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from multiprocessing import forkserver
from unittest import mock

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))

ON_CPU = {"CUDA_VISIBLE_DEVICES": ""}
"""Environment of a program that must not see a GPU."""

_PRELOADED = ["tensorflow", "tf_keras", "official.core.train_lib", "cv2", "matplotlib"]


def environment(**changes: str) -> dict[str, str]:
    """Returns the environment of a program of this checkout, with `changes`."""
    return {**os.environ, "PYTHONPATH": ROOT, "TF_CPP_MIN_LOG_LEVEL": "3", **changes}


def run_python(*arguments: str, folder=ROOT, **changes: str) -> subprocess.CompletedProcess:
    """Runs Python with `arguments` in `folder` and returns its status and its output as text."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=False,
    )


def run_tool(name, folder, *arguments, **changes: str) -> subprocess.CompletedProcess:
    """Runs `tools/<name>` in `folder` and returns its status and its output as text.

    Args:
      name: File name of the program.
      folder: Current folder of the process.
      *arguments: Of the program.
      **changes: Variables of its environment.
    """
    path = os.path.join(ROOT, "tools", name)
    program = functools.partial(_run_file, path)
    return _run_program(program, [path, *arguments], folder, changes)


def run_module(name, folder, *arguments, **changes: str) -> subprocess.CompletedProcess:
    """Runs `python -m <name>` in `folder`, otherwise as `run_tool`: "benchmarks.merge"."""
    path = os.path.join(ROOT, *name.split(".")) + ".py"
    program = functools.partial(runpy.run_module, name, run_name="__main__", alter_sys=True)
    return _run_program(program, [path, *arguments], folder, changes)


def _run_program(
    program: Callable[[], None], command: list, folder, changes: Mapping[str, str]
) -> subprocess.CompletedProcess:
    """Runs `program` in a copy of the process that has the imports; the others as in `_run`."""
    command = [str(argument) for argument in command]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    with mock.patch.dict(os.environ, environment()):
        forkserver.ensure_running()
    with tempfile.TemporaryDirectory() as outputs:
        paths = [os.path.join(outputs, stream) for stream in ("stdout", "stderr")]
        process = context.Process(
            target=_run, args=(program, command, str(folder), environment(**changes), paths)
        )
        process.start()
        process.join()
        texts = []
        for path in paths:
            with open(path, encoding="utf-8") as file:
                texts.append(file.read())
    return subprocess.CompletedProcess(command, process.exitcode, *texts)


def _run_file(path: str) -> None:
    sys.path.insert(0, os.path.dirname(path))  # As Python does.
    runpy.run_path(path, run_name="__main__")


def _run(
    program: Callable[[], None],
    command: list[str],
    folder: str,
    variables: Mapping[str, str],
    outputs: list[str],
) -> None:
    """Becomes a program.

    Args:
      program: Runs it.
      command: Path of its file, and its arguments.
      folder: Current folder.
      variables: Its whole environment.
      outputs: Files for its two streams.
    """
    for stream, path in zip((1, 2), outputs, strict=True):
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, stream)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv[:] = command
    tests = os.path.dirname(os.path.abspath(__file__))
    others = [path for path in sys.path if path and not path.startswith(tests)]
    sys.path[:] = [ROOT, *others]
    try:
        program()
    finally:
        atexit._run_exitfuncs()
