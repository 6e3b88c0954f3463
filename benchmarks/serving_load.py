"""A served model under load: how long requests wait, and what memory they leave behind."""

import concurrent.futures
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from affinity_seg.instances import Instances
from affinity_seg.serving import client
from benchmarks.server_process import Server

_THREADS = 64
"""Requests that can wait at the same time."""


class _Clients:
    """A connection for each thread that asks."""

    def __init__(self, server: Server):
        self._server = server
        self._local = threading.local()

    def segment(self, content: bytes) -> Instances:
        if not hasattr(self._local, "client"):
            settings = client.Settings(timeout=600.0, wait=0.0)
            self._local.client = client.connect(self._server.rest, settings)
        return self._local.client.segment([content])[0]


def measure_clients(
    server: Server,
    contents: Sequence[bytes],
    expected: Sequence[Instances],
    num_clients: int,
    requests: int,
) -> dict[str, Any]:
    """Lets clients ask, each again as soon as it is answered, and compares every answer.

    Args:
      server: The server.
      contents: Image files, asked in turn.
      expected: The instances of each.
      num_clients: How many clients there are.
      requests: How many requests of all clients are timed, after some that warm the server up.

    Returns:
      Answers per second, latencies in seconds, the server's CPU time per answer, its largest memory
      so far in bytes, and how many answers differed from `expected`.
    """
    clients = _Clients(server)

    def ask(index: int) -> tuple[float, bool]:
        index %= len(contents)
        start = time.perf_counter()
        found = clients.segment(contents[index])
        return time.perf_counter() - start, same(found, expected[index])

    with concurrent.futures.ThreadPoolExecutor(num_clients) as pool:
        list(pool.map(ask, range(max(num_clients, len(contents)))))
        start, cpu_start = time.perf_counter(), server.cpu_seconds()
        latencies, right = zip(*pool.map(ask, range(requests)), strict=True)
        seconds, cpu_seconds = time.perf_counter() - start, server.cpu_seconds() - cpu_start
    p50, p99 = np.percentile(latencies, [50, 99])
    return {
        "clients": num_clients,
        "answered per second": requests / seconds,
        "p50 s": float(p50),
        "p99 s": float(p99),
        "CPU s per answer": cpu_seconds / requests,
        "peak bytes": server.peak_bytes(),
        "different": requests - sum(right),
    }


def measure_load(
    server: Server, contents: Sequence[bytes], rate: float, requests: int, seed: int
) -> dict[str, Any]:
    """Offers requests at random moments, whether or not earlier ones are answered.

    Args:
      server: The server.
      contents: Image files, asked in turn.
      rate: Mean number of requests per second; the moments are a Poisson process.
      requests: How many.
      seed: Of the moments.

    Returns:
      Latencies in seconds from the moment a request was due, and answers per second.
    """
    due = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, requests))
    clients = _Clients(server)
    start = time.perf_counter()

    def ask(index: int) -> float:
        clients.segment(contents[index % len(contents)])
        return time.perf_counter() - start - due[index]

    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        waiting = []
        for index, moment in enumerate(due):
            time.sleep(max(0.0, start + moment - time.perf_counter()))
            waiting.append(pool.submit(ask, index))
        latencies = [future.result() for future in waiting]
    seconds = time.perf_counter() - start
    p50, p95, p99 = np.percentile(latencies, [50, 95, 99])
    return {
        "offered per second": rate,
        "answered per second": requests / seconds,
        "p50 s": float(p50),
        "p95 s": float(p95),
        "p99 s": float(p99),
    }


def measure_memory(
    server: Server, contents: Sequence[bytes], expected: Sequence[Instances], requests: int
) -> list[dict[str, Any]]:
    """Lets four clients ask in any order and compares every answer.

    Args:
      server: The server.
      contents: Image files.
      expected: The instances of each.
      requests: How many, of all clients together.

    Returns:
      After each tenth of the requests, the first of which warm the server up: how many, resident
      memory of the server in bytes, and how many answers differed from `expected`.
    """
    clients = _Clients(server)
    different = []

    def ask(index: int) -> None:
        found = clients.segment(contents[index])
        if not same(found, expected[index]):
            different.append(index)

    rows = []
    order = np.random.default_rng(0).integers(0, len(contents), requests)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = 0
        for part in np.array_split(order, 10):
            list(pool.map(ask, part))
            done += len(part)
            rows.append(
                {
                    "requests": done,
                    "resident bytes": server.resident_bytes(),
                    "different": len(different),
                }
            )
    return rows


def same(found: Instances, expected: Instances) -> bool:
    """Returns whether ids, classes, sizes and boxes are equal and scores within 1e-5."""
    for name in ("instance_ids", "classes", "sizes", "boxes"):
        if not np.array_equal(getattr(found, name), getattr(expected, name)):
            return False
    return np.allclose(found.scores, expected.scores, rtol=0, atol=1e-5)
