"""`affinity_seg serve` in a process of its own, for measurements and tests."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import psutil

from benchmarks import measure

PORTS_OF_THE_PAGE = ("http_port",)
PORTS_OF_AN_EXPORTED_MODEL = ("http_port", "grpc_port", "metrics_port")


class Server(NamedTuple):
    """A running server.

    Attributes:
      ports: Its ports by their flags: "http_port", and of an exported model "grpc_port" and
        "metrics_port".
      process: The server; its workers are its children.
    """

    ports: Mapping[str, int]
    process: psutil.Process

    @property
    def http(self) -> str:
        """Address of its page, or of its REST."""
        return f"http://127.0.0.1:{self.ports['http_port']}"

    @property
    def rest(self) -> str:
        """Address of an exported model for `serving.client.connect`."""
        return f"v2+{self.http}"

    @property
    def grpc(self) -> str:
        """Address of an exported model's gRPC, "host:port"."""
        return f"127.0.0.1:{self.ports['grpc_port']}"

    def resident_bytes(self) -> int:
        """Returns the resident memory of the server and its workers."""
        return sum(process.memory_info().rss for process in self._processes())

    def peak_bytes(self) -> int:
        """Returns the largest resident memory of the server plus that of each worker, so far."""
        return sum(measure.status_bytes("VmHWM", process.pid) for process in self._processes())

    def cpu_seconds(self) -> float:
        """Returns the CPU time of the server and its workers so far."""
        times = [process.cpu_times() for process in self._processes()]
        return sum(one.user + one.system for one in times)

    def _processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextlib.contextmanager
def serve(
    model: str,
    log: str,
    *flags: str,
    port_flags: Sequence[str] = PORTS_OF_AN_EXPORTED_MODEL,
    **variables: str,
) -> Iterator[Server]:
    """Starts a server and yields it when the model is ready.

    Args:
      model: As --model of `affinity_seg serve`.
      log: File for what it says.
      *flags: Further flags of `affinity_seg serve`.
      port_flags: The flags of its ports, for which free ones are chosen.
      **variables: Further variables of its environment.

    Raises:
      RuntimeError: It ended before it was ready; the message has its last words.
    """
    ports = dict(zip(port_flags, _free_ports(len(port_flags)), strict=True))
    command = [
        sys.executable, "-m", "affinity_seg", "serve", f"--model={model}",
        *(f"--{name}={port}" for name, port in ports.items()), *flags,
    ]  # fmt: skip
    with open(log, "w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, env={**os.environ, **variables}
        )
    try:
        while not _is_ready(log):
            if process.poll() is not None:
                raise RuntimeError(f"the server ended: {_read(log)[-2000:]}")
            time.sleep(0.2)
        yield Server(ports, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait()


def _free_ports(count: int) -> list[int]:
    """Returns ports of this machine at which nothing listens."""
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [one.getsockname()[1] for one in sockets]


def _is_ready(log: str) -> bool:
    return any(line.startswith("ready: ") for line in _read(log).splitlines())


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
