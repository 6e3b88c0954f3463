"""Retries requests to a model server that is not ready yet, or temporarily not."""

import re
import time
from collections.abc import Callable
from typing import TypeVar

_Answer = TypeVar("_Answer")

_STATUSES = (429, 502, 503, 504)
"""HTTP statuses of servers that are busy or starting, and of gateways in front of such servers."""

_NOT_LOADED = re.compile(
    r"Servable not found for request"  # TensorFlow Serving
    r"|Model \S+ (with version \S+ )?(not found|is not ready)"  # mlserver
)
"""Messages of servers about a model that is not loaded. They are the same if it is still loading
and if there is no model of this name."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
"""Time between two tries, seconds."""

_TOLD_AGAIN = 10.0
"""Time after which the message about waiting is repeated, seconds."""


class ServerError(OSError):
    """A server responded with an error; the message has its reason."""


class NotReadyError(ServerError):
    """A server cannot be reached, is busy, or has not loaded the model; a later try may work."""


def says_not_loaded(reason: str) -> bool:
    """Returns whether a server's message means that the model is not loaded."""
    return _NOT_LOADED.search(reason) is not None


def http_error(url: str, status: int, reason: str) -> ServerError:
    """Returns the error for an HTTP response with an error status."""
    may_come = status in _STATUSES or (status in (400, 404) and says_not_loaded(reason))
    return (NotReadyError if may_come else ServerError)(f"{url}: {status}: {reason}")


class Patience:
    """Retries a request while the server is not ready, for a limited time."""

    def __init__(self, wait: float, tell: Callable[[str], None]):
        """Sets the limit.

        Args:
          wait: Limit for all retries since the last response, seconds. So a server that never gets
            ready delays the program by this time once, not for every request.
          tell: Called with a line about the waiting, when it begins and from time to time.
        """
        self._wait = self._left = wait
        self._tell = tell

    def ask(self, once: Callable[[], _Answer]) -> _Answer:
        """Returns the response.

        Args:
          once: Sends the request once; raises NotReadyError if another try may work.

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
