"""The HTTP server of the page: a thread for each connection, on this machine only by default."""

import threading
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from affinity_seg.serving.page.application import IDLE_SECONDS, Application
from affinity_seg.serving.page.store import Store

MAX_CONNECTIONS = 64
"""Further connections are closed at once."""


class _Handler(WSGIRequestHandler):
    """Handles a connection, and prints nothing: addresses hold the tokens of pictures."""

    timeout = IDLE_SECONDS

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Prints nothing."""

    def log_error(self, format: str, *arguments: Any) -> None:
        """Prints nothing: the request was malformed, or did not come in time."""

    def version_string(self) -> str:
        """Returns what the server says that it is."""
        return "affinity_seg"


class Server(ThreadedWSGIServer):
    """Serves an `Application`, and forgets pictures in time."""

    def __init__(self, host: str, port: int, application: Application, store: Store):
        """Listens.

        Args:
          host: Address or name.
          port: Port, 0 for any that is free; `port` of the server tells which.
          application: Answers the requests.
          store: Its pictures.

        Raises:
          OSError: It cannot listen there.
        """
        self._store = store
        self._connections = threading.BoundedSemaphore(MAX_CONNECTIONS)
        try:
            super().__init__(host, port, application, _Handler)
        except SystemExit as error:  # werkzeug has printed the reason.
            raise OSError(f"the page cannot be served at {host}:{port}") from error

    def service_actions(self) -> None:
        """Forgets old pictures; called twice a second while the server runs."""
        self._store.forget_old()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Starts a thread for a connection, or closes it if there are too many."""
        if not self._connections.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # No thread was started, which would release it.
            self._connections.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handles a connection in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()
