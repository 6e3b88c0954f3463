"""Waiting for a model server that is not ready, yet or for a moment."""

import re
import time
from collections.abc import Callable
from typing import TypeVar

_Answer = TypeVar("_Answer")

_STATUSES = (429, 502, 503, 504)
"""Statuses of HTTP of servers that are busy or starting, and of gateways in front of such ones."""

_NOT_LOADED = re.compile(
    r"Servable not found for request"  # TensorFlow Serving
    r"|Model \S+ (with version \S+ )?(not found|is not ready)"  # mlserver
)
"""What servers say of a model that they have not loaded, be it that it will come or that there is
none of this name; they do not tell these apart."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
"""Between two tries, seconds."""

_TOLD_AGAIN = 10.0
"""After how many seconds it is said again what is waited for."""


class ServerError(OSError):
    """What a server answered instead of instances; the message has its reason."""


class NotReadyError(ServerError):
    """A server that cannot be reached, is busy, or has not loaded the model; it may do so later."""


def says_not_loaded(reason: str) -> bool:
    """Returns whether a server says that it has not loaded the model."""
    return _NOT_LOADED.search(reason) is not None


def http_error(url: str, status: int, reason: str) -> ServerError:
    """Returns the error that an answer of HTTP is, whose `status` says that it is one."""
    may_come = status in _STATUSES or (status in (400, 404) and says_not_loaded(reason))
    return (NotReadyError if may_come else ServerError)(f"{url}: {status}: {reason}")


class Patience:
    """Asks a server again while it is not ready, for a limited time."""

    def __init__(self, wait: float, tell: Callable[[str], None]):
        """Takes how long.

        Args:
          wait: Seconds, of all tries together, that a server which answers nothing may take; an
            answer begins them anew. A server that never gets ready takes them only once.
          tell: Takes a line that says what is waited for, when waiting begins and now and then.
        """
        self._wait = self._left = wait
        self._tell = tell

    def ask(self, once: Callable[[], _Answer]) -> _Answer:
        """Returns the answer.

        Args:
          once: Asks once; raises NotReadyError if another try may work.

        Raises:
          NotReadyError: The time is over.
        """
        pause, until_told = _FIRST_PAUSE, 0.0
        while True:
            started = time.monotonic()
            try:
                answer = once()
                break
            except NotReadyError as error:
                if self._left <= 0:
                    raise
                if until_told <= 0:
                    self._tell(f"not ready, asked again for up to {self._left:.0f} s: {error}")
                    until_told = _TOLD_AGAIN
            time.sleep(min(pause, self._left))
            taken = time.monotonic() - started
            self._left -= taken
            until_told -= taken
            pause = min(2 * pause, _LONGEST_PAUSE)
        self._left = self._wait
        return answer
