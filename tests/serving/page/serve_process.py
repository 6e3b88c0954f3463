"""`affinity_seg serve` as a user starts it for the page."""

import contextlib
import re
import socket
import time

from running import start_program

_TIMEOUT = 120


@contextlib.contextmanager
def serve(folder, *flags):
    """Yields the address of a server and what it printed, and stops it afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = start_program(
        "-m affinity_seg serve", folder, "--model=nuclei", f"--http_port={port}", *flags
    )
    try:
        end = time.monotonic() + _TIMEOUT
        while "ready: " not in program.output():
            assert program.is_running() and time.monotonic() < end, program.output()
            time.sleep(0.1)
        printed = program.output()
        yield re.sub(r"//[\d.]+:", "//127.0.0.1:", re.search(r"http://\S+", printed)[0]), printed
    finally:
        program.kill()
