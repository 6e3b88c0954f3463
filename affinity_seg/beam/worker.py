"""A worker process of the pipeline on this machine; `direct` starts it, through a shell.

python -m affinity_seg.beam.worker <process of the program>
"""

import contextlib
import os
import sys
import threading
import time

import psutil
from apache_beam.runners.worker import sdk_worker_main

_POLL = 1
"""Seconds between two looks at the program."""


def end_with(program: int) -> None:
    """Ends this process when the program has ended or was killed.

    The kernel's signal at the end of a parent, prctl(2), would not do: the parent is the shell,
    which lives as long as this process.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(program)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(_POLL)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with, args=[int(sys.argv[1])], daemon=True).start()
    sdk_worker_main.main(sys.argv)
