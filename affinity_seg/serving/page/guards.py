"""Which requests are answered: those of this page in a browser, not those of other pages.

Another page that is open in the same browser could send requests here. Browsers say where a request
comes from (`Origin`, `Sec-Fetch-Site`). A page whose name was made to lead to this machine (DNS
rebinding) is of the same origin as the server, but it is known by its name (`Host`).
"""

import ipaddress
import socket
from collections.abc import Set
from urllib.parse import SplitResult, urlsplit

from werkzeug.wrappers import Request, Response

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Headers of every answer: nothing is kept by the browser, and only the page's own files run."""

_FROM_HERE = ("same-origin", "none")
"""Values of `Sec-Fetch-Site` of the page itself, and of an address that the user typed."""


def known_names(host: str) -> Set[str]:
    """Returns the names under which a server at `host` may be asked, beside addresses."""
    return {"localhost", host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()}


def refusal(request: Request, names: Set[str]) -> str | None:
    """Returns why a request is refused, None if it is not.

    Args:
      request: The request.
      names: Of `known_names`.
    """
    host = request.environ.get("HTTP_HOST", "")
    name = _parsed(f"//{host}").hostname or ""
    if name not in names and not _is_address(name):
        return (
            "the address of this page must be a number, such as 127.0.0.1, localhost or the name "
            f"of this machine: {name!r}"
        )
    origin = request.headers.get("Origin")
    if origin is not None and _parsed(origin).netloc != host:
        return f"the request must come from this page, not from another: {origin!r}"
    site = request.headers.get("Sec-Fetch-Site", "none")
    is_link_to_page = request.headers.get("Sec-Fetch-Mode") == "navigate" and request.path == "/"
    if site not in _FROM_HERE and not (is_link_to_page and request.method == "GET"):
        return f"the request must come from this page, not from another: {site!r}"
    return None


def protect(response: Response) -> Response:
    """Adds `HEADERS` to an answer."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


def _parsed(url: str) -> SplitResult:
    """Returns the parts of an address, all of them empty if it is malformed."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
