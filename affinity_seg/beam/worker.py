"""A worker process of the pipeline on this machine; `direct` starts it.

python -m affinity_seg.beam.worker <process of the program>
"""

import ctypes
import os
import signal
import sys

from apache_beam.runners.worker import sdk_worker_main

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process gets when the one that has started it ends."""


def end_with(program: int) -> None:
    """Lets this process end with the one that has started it, else it would wait for it.

    Args:
      program: The process that has started this one, if it still runs.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != program:  # It has ended while this one was importing.
        sys.exit("the program that has started this worker has ended")


if __name__ == "__main__":
    end_with(int(sys.argv[1]))
    sdk_worker_main.main(sys.argv)
