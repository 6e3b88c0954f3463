"""Time, CPU time and memory of a call."""

import ctypes
import gc
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Measurement(NamedTuple):
    """Medians over repetitions.

    Attributes:
      seconds: Wall time.
      cpu_seconds: CPU time of all threads.
      peak_bytes: Largest resident memory during the first call, above what it was before.
      result: What the first call returned.
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
    before = status_bytes("VmRSS")
    result = call()
    peak_bytes = max(0, status_bytes("VmHWM") - before)
    times = [_timed(call) for _ in range(repetitions)] or [(float("nan"), float("nan"))]
    return Measurement(*map(statistics.median, zip(*times, strict=True)), peak_bytes, result)


class Turns(NamedTuple):
    """Calls that took turns, so that all saw the same machine.

    Attributes:
      measured: Medians, by name.
      seconds: Wall time of each turn, by name.
    """

    measured: dict[str, Measurement]
    seconds: dict[str, list[float]]

    def ratio(self, name: str, base: str, *more: str) -> float:
        """Returns the median over the turns of (`name` + `more`) / `base`."""
        return statistics.median(
            sum(turn[1:]) / turn[0]
            for turn in zip(*(self.seconds[n] for n in (base, name, *more)), strict=True)
        )


def measure_in_turns(calls: dict[str, Callable[[], Any]], repetitions: int) -> Turns:
    """Measures several calls: each once for memory and warm-up, then in turns for the time."""
    once = {name: measure(call, 0) for name, call in calls.items()}
    times = {name: [] for name in calls}
    for _ in range(repetitions):
        for name, call in calls.items():
            times[name].append(_timed(call))
    seconds, cpu_seconds = (
        {name: [time[i] for time in times[name]] for name in calls} for i in range(2)
    )
    return Turns(
        {
            name: once[name]._replace(
                seconds=statistics.median(seconds[name]),
                cpu_seconds=statistics.median(cpu_seconds[name]),
            )
            for name in calls
        },
        seconds,
    )


def _timed(call: Callable[[], Any]) -> tuple[float, float]:
    """Returns wall and CPU seconds of a call."""
    start, cpu_start = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start, time.process_time() - cpu_start


def read_bytes_per_second() -> float:
    """Returns how fast one thread sums 256 MB that no cache holds."""
    large = np.ones(1 << 25)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        large.sum()
        times.append(time.perf_counter() - start)
    return large.nbytes / statistics.median(times)


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


def status_bytes(name: str, pid: int | str = "self") -> int:
    """Returns a number of bytes that Linux keeps of a process.

    Args:
      name: "VmRSS" for its resident memory now, "VmHWM" for the largest so far.
      pid: The process; without it this one.
    """
    path = f"/proc/{pid}/status"
    with open(path, encoding="ascii") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"{path}: no {name}")
