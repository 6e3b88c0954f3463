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
import weakref
from collections.abc import Mapping
from multiprocessing import forkserver
from unittest import mock

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))

ON_CPU = {"CUDA_VISIBLE_DEVICES": ""}
"""Environment of a program that must not see a GPU."""

_MODULE = "-m "
_PRELOADED = ["tensorflow", "tf_keras", "official.core.train_lib", "cv2", "matplotlib"]


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


class Program:
    """A program of the checkout, in a copy of the process with the imports.

    A test that fails leaves no process behind: one that nobody refers to any more is killed.
    """

    def __init__(self, module: str | None, command: list[str], folder, variables: dict[str, str]):
        """Starts it; the arguments are those of `_run`."""
        self._command = command
        self._outputs = tempfile.TemporaryDirectory()
        self._paths = [os.path.join(self._outputs.name, name) for name in ("stdout", "stderr")]
        for path in self._paths:
            open(path, "w").close()
        self._process = _context().Process(
            target=_run, args=(module, command, str(folder), variables, self._paths)
        )
        self._process.start()
        weakref.finalize(self, self._process.kill)

    def is_running(self) -> bool:
        """Returns whether it has not ended yet."""
        return self._process.is_alive()

    def kill(self) -> None:
        """Kills it, as a machine without memory does."""
        self._process.kill()

    def wait(self, timeout: float | None = None) -> subprocess.CompletedProcess:
        """Waits for its end and returns its status and its output as text.

        Raises:
          TimeoutError: It has not ended after `timeout` seconds; it was killed.
        """
        self._process.join(timeout)
        if self.is_running():
            self.kill()
            self._process.join()
            raise TimeoutError(f"{self._command} has not ended:\n{self.output()[-3000:]}")
        return subprocess.CompletedProcess(self._command, self._process.exitcode, *self._texts())

    def output(self) -> str:
        """Returns what it has written so far, stdout before stderr."""
        return "".join(self._texts())

    def _texts(self) -> list[str]:
        texts = []
        for path in self._paths:
            with open(path, encoding="utf-8") as file:
                texts.append(file.read())
        return texts


@functools.cache
def _context() -> multiprocessing.context.BaseContext:
    """Returns what starts processes, when its server has imported all that it shall."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    with mock.patch.dict(os.environ, environment()):
        forkserver.ensure_running()
    first = context.Process(target=os.getpid)  # Starts when the imports are done.
    first.start()
    first.join()
    return context


def run_verb(verb, folder, *arguments, **changes: str) -> subprocess.CompletedProcess:
    """Runs `affinity_seg VERB` as `run_program` does."""
    return run_program(f"-m affinity_seg {verb}", folder, *arguments, **changes)


def run_program(program, folder, *arguments, **changes: str) -> subprocess.CompletedProcess:
    """Runs a program as `start_program` does; returns its status and its output as text."""
    return start_program(program, folder, *arguments, **changes).wait()


def start_program(program, folder, *arguments, **changes: str) -> Program:
    """Starts a program of the checkout.

    Args:
      program: What follows `python`: "tools/train.py", from the root, "-m benchmarks.merge" or
        "-m affinity_seg merge".
      folder: Current folder of the process.
      *arguments: Of the program.
      **changes: Variables of its environment.
    """
    path = os.path.join(ROOT, path_of(program))
    module, verb = None, []
    if program.startswith(_MODULE):
        module, *verb = program.removeprefix(_MODULE).split()
    command = [path, *verb, *map(str, arguments)]
    return Program(module, command, folder, environment(**changes))


def run_code(code: str, *arguments, folder=ROOT, **changes: str) -> subprocess.CompletedProcess:
    """Runs Python code that needs TensorFlow in `folder`; returns status and output as text."""
    with tempfile.TemporaryDirectory() as program:
        path = os.path.join(program, "code.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(code)
        return Program(None, [path, *map(str, arguments)], folder, environment(**changes)).wait()


def path_of(program: str) -> str:
    """Returns the file of a program as of `run_program`, from the root."""
    if program.startswith(_MODULE):
        return program.split()[1].replace(".", "/") + ".py"
    return program


def _run(
    module: str | None,
    command: list[str],
    folder: str,
    variables: Mapping[str, str],
    outputs: list[str],
) -> None:
    """Becomes a program.

    Args:
      module: Its name if it runs as a module.
      command: Path of its file, and its arguments.
      folder: Current folder.
      variables: Its whole environment.
      outputs: Files for its two streams.
    """
    for stream, path in zip((1, 2), outputs, strict=True):
        file = os.open(path, os.O_WRONLY)
        os.dup2(file, stream)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv[:] = command
    tests = os.path.dirname(os.path.abspath(__file__))
    others = [path for path in sys.path if path and not path.startswith(tests)]
    sys.path[:] = [folder if module else os.path.dirname(command[0]), ROOT, *others]
    try:
        if module:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(command[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()
