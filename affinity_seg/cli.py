"""What every program in tools/ shares: flags, and errors of the user as one message."""

import os
import sys
from collections.abc import Callable

from absl import app, flags

_DEBUG = flags.DEFINE_bool("debug", False, "Show where an error comes from.")


def run(main: Callable[[], None]) -> None:
    """Parses the flags and runs a program that takes no other arguments.

    A wrong argument or file, a FileNotFoundError or ValueError, ends the program with its message
    on one line and status 1; with --debug it shows the stack trace.
    """

    def checked(argv: list[str]) -> None:
        if len(argv) > 1:
            raise app.UsageError(f"unexpected arguments: {argv[1:]}")
        try:
            main()
        except (FileNotFoundError, ValueError) as error:
            if _DEBUG.value:
                raise
            sys.exit(f"{os.path.basename(argv[0])}: {error}")

    app.run(checked)
