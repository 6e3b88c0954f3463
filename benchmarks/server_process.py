"""`affinity_seg serve` in a process of its own, for measurements and tests."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import psutil


class Server(NamedTuple):
    """A running server.

    Attributes:
      rest: Address for `serving.client.connect`.
      grpc: Address of its gRPC, "host:port".
      process: The server; its workers are its children.
    """

    rest: str
    grpc: str
    process: psutil.Process

    def resident_bytes(self) -> int:
        """Returns the resident memory of the server and its workers."""
        processes = [self.process, *self.process.children(recursive=True)]
        return sum(process.memory_info().rss for process in processes)


@contextlib.contextmanager
def serve(model: str, log: str, *, workers: int = 1, threads: int = 0) -> Iterator[Server]:
    """Starts a server and yields it when the model is ready.

    Args:
      model: As --model of `affinity_seg serve`.
      log: File for what it says.
      workers: As --workers.
      threads: As --threads.

    Raises:
      RuntimeError: It ended before it was ready; the message has its last words.
    """
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    http, grpc, metrics = (one.getsockname()[1] for one in sockets)
    for one in sockets:
        one.close()
    command = [
        sys.executable, "-m", "affinity_seg", "serve", f"--model={model}",
        f"--http_port={http}", f"--grpc_port={grpc}", f"--metrics_port={metrics}",
        f"--workers={workers}", f"--threads={threads}",
    ]  # fmt: skip
    with open(log, "w", encoding="utf-8") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        while "\nready: " not in _read(log):
            if process.poll() is not None:
                raise RuntimeError(f"the server ended: {_read(log)[-2000:]}")
            time.sleep(0.2)
        yield Server(
            f"v2+http://127.0.0.1:{http}", f"127.0.0.1:{grpc}", psutil.Process(process.pid)
        )
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
