"""What every program in tools/ shares: flags, and errors of the user as one message.

A program imports this module first. It does not import TensorFlow, and neither do the modules that
define flags (`tool_flags`, `tasks.experiment_flags`), so that `--help` and the message of a wrong
flag come at once. A program imports what does its work inside its `main`.
"""

import functools
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from absl import app, flags, logging

from affinity_seg import input_errors, resources

_ENVIRONMENT = {
    # What TensorFlow's C++ code says on its own, such as which instructions the CPU has or that
    # there is no GPU. Its errors come as exceptions as well.
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # `import tensorflow` always loads a Keras. This one is what the networks are made of; the other
    # one would be loaded beside it, for more than a second.
    "TF_USE_LEGACY_KERAS": "1",
}
"""What TensorFlow reads when it is imported, for every program. The user's own values win."""

for _name_of_variable, _value in _ENVIRONMENT.items():
    os.environ.setdefault(_name_of_variable, _value)

_FLAGFILE = "--flagfile="
_INTERRUPTED_STATUS = 128 + 2
_BROKEN_PIPE_STATUS = 128 + 13
"""What a shell makes of SIGINT and SIGPIPE."""

_DEBUG = flags.DEFINE_bool("debug", False, "Show where an error comes from.")


def run(main: Callable[..., int | None], pass_arguments: bool = False) -> None:
    """Parses the flags and runs a program that takes no other arguments.

    The program ends with the status that `main` returns, 0 for None. A wrong flag, argument or
    file ends it with a message of one line and status 1; with --debug it shows the stack trace.
    `--flagfile=name` finds the files of tools/flagfiles.

    Args:
      main: The program.
      pass_arguments: Whether `main` takes the list of the arguments that are none of its flags.
    """
    app.run(
        lambda argv: sys.exit(_checked(main, argv, pass_arguments)),
        flags_parser=functools.partial(_parse, known_only=pass_arguments),
    )


def _checked(
    main: Callable[..., int | None], argv: Sequence[str], pass_arguments: bool
) -> int | None:
    """Runs `main` and returns the exit status, or ends with the message of an error."""
    try:
        if len(argv) > 1 and not pass_arguments:
            raise ValueError(f"unexpected arguments: {argv[1:]}; a flag is --name=value")
        status = main(argv[1:]) if pass_arguments else main()
        sys.stdout.flush()
    except BrokenPipeError:  # Whoever read the output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE_STATUS
    except KeyboardInterrupt:
        if _DEBUG.value:
            raise
        print(f"{_name(argv)}: interrupted", file=sys.stderr)
        return _INTERRUPTED_STATUS
    except input_errors.types() as error:
        if _DEBUG.value:
            raise
        _fail(argv, error)
    return status


def _parse(argv: Sequence[str], known_only: bool) -> list[str]:
    """Returns the arguments that are no flags, or ends with a message or --help.

    With `known_only`, flags that the program does not have are among them.
    """
    try:
        others = parse_flags(argv, known_only)
        if flags.FLAGS["verbosity"].using_default_value:
            flags.FLAGS.verbosity = logging.WARNING  # absl would make it INFO after the parsing.
        return others
    except flags.Error as error:
        _fail(argv, f"{error}; --help lists the flags")
    except SystemExit:  # --help was shown.
        sys.exit(0)


def parse_flags(argv: Sequence[str], known_only: bool = False) -> list[str]:
    """Parses the flags and returns the program and its other arguments.

    Args:
      argv: The program and its arguments. `--flagfile=name` finds the files of tools/flagfiles.
      known_only: Whether unknown flags are returned instead of refused.

    Raises:
      flags.Error: A flag is unknown, missing or has a wrong value.
    """
    argv = [_with_known_flagfile(argument) for argument in argv]
    return flags.FLAGS(argv, known_only=known_only)


def _with_known_flagfile(argument: str) -> str:
    """Returns `--flagfile=<path>` for the name of one of our flagfiles, else the argument."""
    if not argument.startswith(_FLAGFILE):
        return argument
    name = argument.removeprefix(_FLAGFILE)
    return _FLAGFILE + (resources.find(name, resources.FLAGFILES, ".flags") or name)


def _fail(argv: Sequence[str], message: object) -> NoReturn:
    """Ends the program with a message of one line and status 1."""
    line = " ".join(part.strip() for part in str(message).splitlines())
    sys.exit(f"{_name(argv)}: {line}")


def _name(argv: Sequence[str]) -> str:
    return os.path.basename(argv[0])
