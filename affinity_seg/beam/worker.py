"""A worker process of the pipeline on this machine; `direct` starts it."""

import ctypes
import signal
import sys

from apache_beam.runners.worker import sdk_worker_main

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process gets when the one that has started it ends."""

if __name__ == "__main__":
    if sys.platform == "linux":
        # Else it would wait for a program that was killed.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    sdk_worker_main.main(sys.argv)
