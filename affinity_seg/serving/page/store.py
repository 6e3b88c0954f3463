"""The pictures that the server keeps, each under a token that only its uploader knows."""

import secrets
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from affinity_seg.serving.page.served_picture import ServedPicture

_TOKEN_BYTES = 32


class Limits(NamedTuple):
    """How long and how much is kept.

    Attributes:
      seconds: A picture is forgotten when it was not used for so long.
      pictures: Largest number of pictures.
      bytes: Largest memory of all pictures; one picture is kept whatever it takes.
    """

    seconds: float
    pictures: int
    bytes: int


class _Kept(NamedTuple):
    picture: ServedPicture
    used: float


class Store:
    """Pictures by token; for several threads. The one that was not used for longest goes first."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic):
        """Makes an empty store.

        Args:
          limits: How much is kept.
          clock: Returns the time in seconds.
        """
        self.limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}  # The one that was used last is the last.

    def add(self, picture: ServedPicture) -> str:
        """Keeps a picture, forgets others if they are too many, and returns its token."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with self._lock:
            self._kept[token] = _Kept(picture, self._clock())
            self._forget_old()
        return token

    def get(self, token: str) -> ServedPicture | None:
        """Returns the picture of a token, None if there is none (any more); it counts as used."""
        with self._lock:
            self._forget_old()
            found = self._kept.pop(token, None)
            if found is None:
                return None
            self._kept[token] = _Kept(found.picture, self._clock())
            return found.picture

    def forget(self, token: str) -> None:
        """Forgets a picture, if it is there."""
        with self._lock:
            self._kept.pop(token, None)

    def forget_old(self) -> None:
        """Forgets the pictures that were not used for too long."""
        with self._lock:
            self._forget_old()

    def __len__(self) -> int:
        with self._lock:
            return len(self._kept)

    def _forget_old(self) -> None:
        limits, oldest = self.limits, self._clock() - self.limits.seconds
        for token, kept in list(self._kept.items()):
            memory = sum(other.picture.num_bytes for other in self._kept.values())
            is_too_much = memory > limits.bytes and len(self._kept) > 1
            if kept.used > oldest and len(self._kept) <= limits.pictures and not is_too_much:
                break
            del self._kept[token]
