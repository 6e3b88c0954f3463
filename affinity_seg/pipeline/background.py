"""Threads that read the next image and finish the last one while the networks run."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Input = TypeVar("Input")
Output = TypeVar("Output")


def prefetch(
    function: Callable[[Input], Output], inputs: Iterable[Input]
) -> Iterator[tuple[Input, Future[Output]]]:
    """Yields each input with the future of `function(input)`, which runs one input ahead."""
    with ThreadPoolExecutor(1) as executor:
        waiting: deque[tuple[Input, Future[Output]]] = deque()
        try:
            for value in inputs:
                waiting.append((value, executor.submit(function, value)))
                if len(waiting) > 1:
                    yield waiting.popleft()
            yield from waiting
        finally:
            executor.shutdown(cancel_futures=True)


class Finisher:
    """Runs functions one after the other on its own thread, until one of them raises.

    At the end of its `with` block it waits for the remaining functions, and raises their error.
    """

    def __init__(self, depth: int):
        """Makes the thread.

        Args:
          depth: Largest number of unfinished functions; it limits the memory that they hold.
        """
        self._executor = ThreadPoolExecutor(1)
        self._depth = depth
        self._unfinished: deque[Future[None]] = deque()
        self._has_failed = False

    def __enter__(self) -> "Finisher":
        return self

    def __exit__(self, error_type, error, trace) -> None:
        self._executor.shutdown()
        if error is None:
            for future in self._unfinished:
                future.result()

    def wait_for_room(self) -> None:
        """Waits until another function may be added; raises the error of a finished one."""
        while self._unfinished and (
            len(self._unfinished) >= self._depth or self._unfinished[0].done()
        ):
            self._unfinished.popleft().result()

    def add(self, function: Callable[[], None]) -> None:
        """Adds a function; call `wait_for_room` before."""
        self._unfinished.append(self._executor.submit(self._run, function))

    def _run(self, function: Callable[[], None]) -> None:
        if self._has_failed:
            return
        try:
            function()
        except BaseException:
            self._has_failed = True
            raise
