"""Programs of tools/ in a process of their own, as a user starts them.

TensorFlow and Model Garden take seconds to be imported, so one process imports them once, before
any of their code has run, and each program starts as a copy of it (`multiprocessing`'s
forkserver). Nothing of affinity_seg is in it.
"""

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing import forkserver
from unittest import mock

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))

ON_CPU = {"CUDA_VISIBLE_DEVICES": ""}
"""Environment of a program that must not see a GPU."""

_PRELOADED = ["tensorflow", "tf_keras", "official.core.train_lib", "cv2", "matplotlib"]


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


def run_tool(name, folder, *arguments, **changes: str) -> subprocess.CompletedProcess:
    """Runs `tools/<name>` in `folder` and returns its status and its output as text.

    Args:
      name: File name of the program.
      folder: Current folder of the process.
      *arguments: Of the program.
      **changes: Variables of its environment.
    """
    command = [os.path.join(ROOT, "tools", name), *map(str, arguments)]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    with mock.patch.dict(os.environ, environment()):
        forkserver.ensure_running()
    with tempfile.TemporaryDirectory() as outputs:
        paths = [os.path.join(outputs, stream) for stream in ("stdout", "stderr")]
        process = context.Process(
            target=_run, args=(command, str(folder), environment(**changes), paths)
        )
        process.start()
        process.join()
        texts = []
        for path in paths:
            with open(path, encoding="utf-8") as file:
                texts.append(file.read())
    return subprocess.CompletedProcess(command, process.exitcode, *texts)


def _run(command: list[str], folder: str, variables: Mapping[str, str], outputs: list[str]) -> None:
    """Becomes the program `command`, which writes its two streams to the files `outputs`."""
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
    sys.path[:] = [os.path.dirname(command[0]), ROOT, *others]
    try:
        runpy.run_path(command[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()
