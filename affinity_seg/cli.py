"""What every program in tools/ shares: flags, and errors of the user as one message."""

import os
import sys
from collections.abc import Callable

import cv2
import tensorflow as tf
import yaml
from absl import app, flags

_USER_ERRORS = (OSError, ValueError, yaml.YAMLError, cv2.error, tf.errors.OpError)
"""What a wrong argument or a damaged file raises, here or in the libraries below."""

_DEBUG = flags.DEFINE_bool("debug", False, "Show where an error comes from.")


def run(main: Callable[..., int | None], pass_arguments: bool = False) -> None:
    """Parses the flags and runs a program that takes no other arguments.

    With `pass_arguments`, `main` is called with the list of the arguments that are none of its
    flags.

    The program ends with the status that `main` returns, 0 for None. A wrong argument or file
    ends it with a message and status 1; with --debug it shows the stack trace.
    """

    def checked(argv: list[str]) -> None:
        if len(argv) > 1 and not pass_arguments:
            raise app.UsageError(f"unexpected arguments: {argv[1:]}")
        try:
            status = main(argv[1:]) if pass_arguments else main()
        except _USER_ERRORS as error:
            if _DEBUG.value:
                raise
            sys.exit(f"{os.path.basename(argv[0])}: {error}")
        sys.exit(status)

    app.run(checked, flags_parser=_parse_known if pass_arguments else app.parse_flags_with_usage)


def _parse_known(argv: list[str]) -> list[str]:
    """Parses the flags that the program has and returns the other arguments."""
    return flags.FLAGS(argv, known_only=True)
