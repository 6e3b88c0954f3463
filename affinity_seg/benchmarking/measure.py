"""Time, CPU time and memory of a call."""

import ctypes
import gc
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

_STATUS = "/proc/self/status"


class Measurement(NamedTuple):
    """Medians over repetitions.

    Attributes:
      seconds: Wall time.
      cpu_seconds: CPU time of all threads.
      peak_bytes: Largest resident memory during the first call, above what it was before.
      result: What the last call returned.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    result: Any


def measure(call: Callable[[], Any], repetitions: int) -> Measurement:
    """Calls `call` once for memory and warm-up, then `repetitions` times for the time."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # else freed memory hides what the call takes
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # resets VmHWM
    before = _status_bytes("VmRSS")
    result = call()
    peak_bytes = max(0, _status_bytes("VmHWM") - before)
    seconds, cpu_seconds = [], []
    for _ in range(repetitions):
        start, cpu_start = time.perf_counter(), time.process_time()
        result = call()
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    if repetitions == 0:
        seconds = cpu_seconds = [float("nan")]
    return Measurement(
        statistics.median(seconds), statistics.median(cpu_seconds), peak_bytes, result
    )


def machine_scaling(num_threads: int) -> dict[str, float]:
    """Returns how many times faster `num_threads` do what one thread does, of two kinds.

    Returns:
      `reads`: sums of 256 MB that no cache holds; `arithmetic`: sines of numbers that do fit.
    """
    large = np.ones(1 << 25)
    small = np.ones(1 << 12)

    def read(part):
        for chunk in np.array_split(large, num_threads)[part : part + 1]:
            chunk.sum()

    def read_all():
        for part in range(num_threads):
            read(part)

    def sines():
        for _ in range(2000 // num_threads):
            np.sin(small)

    def sines_all():
        for _ in range(num_threads):
            sines()

    def ratio(serial, parallel):
        ratios = []
        for _ in range(5):
            start = time.perf_counter()
            serial()
            middle = time.perf_counter()
            threads = [threading.Thread(target=parallel, args=(i,)) for i in range(num_threads)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            ratios.append((middle - start) / (time.perf_counter() - middle))
        return statistics.median(ratios)

    return {
        "reads": ratio(read_all, read),
        "arithmetic": ratio(sines_all, lambda _: sines()),
    }


def _status_bytes(name: str) -> int:
    with open(_STATUS, encoding="ascii") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"{_STATUS}: no {name}")
