"""Command line of every program: flags, and a message of one line for a user's error.

A program is a module with a docstring, which `--help` shows, and two functions:

    def define_flags(values: cli.Flags) -> None:
        values.string("output_dir", None, "Folder for the results.", required=True)

    def main(values: cli.Flags) -> int | None:
        print(values.output_dir)

Each program has its own `Flags` object, so that several programs can run in one process. A program
and the modules that define flags import TensorFlow only inside `main`, because that takes seconds:
`--help` and the message of a wrong flag appear without it.
"""

import functools
import importlib
import logging as stdlib_logging
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NoReturn

from absl import app, flags, logging

from affinity_seg import input_errors, resources

_ENVIRONMENT = {
    # Hides the log of TensorFlow's C++ code, such as the CPU's instruction sets or a missing GPU.
    # Its errors are raised as exceptions as well.
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # `import tensorflow` always loads one version of Keras. The networks use the legacy one;
    # loading the other one as well would take more than a second.
    "TF_USE_LEGACY_KERAS": "1",
}
"""Environment variables for TensorFlow. Values that the user has set are kept."""

for _name_of_variable, _value in _ENVIRONMENT.items():
    os.environ.setdefault(_name_of_variable, _value)

_KERAS = "tf_keras"
"""The version of Keras that `_ENVIRONMENT` chooses."""

RUNNER, OTHERS = "runner", "beam_flag"
"""If a program has these flags and --`RUNNER` is given, flags that it does not know are accepted.
They become values of --`OTHERS`, which are passed to Beam."""

_FLAGFILE = "--flagfile="
_HELP = ("--help", "-help", "-h", "--helpfull", "--helpshort")
_INTERRUPTED_STATUS = 128 + 2
_BROKEN_PIPE_STATUS = 128 + 13
"""Exit statuses by which a shell reports SIGINT and SIGPIPE."""


def _definer(define: Callable[..., Any]) -> Callable[..., None]:
    """Returns one of absl's functions that define a flag, as a method of `Flags`."""

    @functools.wraps(define)
    def method(
        self: "Flags", name: str, *arguments: Any, required: bool = False, **options: Any
    ) -> None:
        define(name, *arguments, flag_values=self, **options)
        self[name].is_required = required

    return method


class _TextParser(flags.ArgumentParser):
    """Parses text: `~` and `~name` at its beginning become a home folder, as in a shell.

    A shell leaves `--input=~/pictures` as it is, because the `~` does not begin the word. No flag
    has a value that begins with `~` and is not a path. A folder of that name is `./~`.
    """

    def parse(self, argument: str) -> str:
        """Returns the value of a flag."""
        return os.path.expanduser(argument)


def _define_text(name: str, default: str | None, what: str, **options: Any) -> None:
    """Defines a flag as absl's `DEFINE_string` does."""
    flags.DEFINE(_TextParser(), name, default, what, **options)


def _define_texts(name: str, default: Sequence[str] | None, what: str, **options: Any) -> None:
    """Defines a flag as absl's `DEFINE_multi_string` does."""
    flags.DEFINE_multi(_TextParser(), None, name, default, what, **options)


class Flags(flags.FlagValues):
    """The flags of one program; after parsing, their values are attributes.

    The methods that define a flag have the arguments of absl's `flags.DEFINE_string` and so on.
    `parse` checks that the required ones are given. Strings may begin with `~`, a home folder.
    """

    bool = _definer(flags.DEFINE_bool)
    enum = _definer(flags.DEFINE_enum)
    float = _definer(flags.DEFINE_float)
    integer = _definer(flags.DEFINE_integer)
    list = _definer(flags.DEFINE_list)
    multi_enum = _definer(flags.DEFINE_multi_enum)
    multi_float = _definer(flags.DEFINE_multi_float)
    multi_integer = _definer(flags.DEFINE_multi_integer)
    multi_string = _definer(_define_texts)
    string = _definer(_define_text)


def import_tensorflow() -> None:
    """Imports TensorFlow without Keras; half a second less for a verb that may need none.

    TensorFlow imports Keras at its own end, if there is one. Here it finds none. Keras can be
    imported afterwards as usual: by what builds networks with it.
    """
    hidden = sys.modules.setdefault(_KERAS, None) is None
    try:
        importlib.import_module("tensorflow")
    finally:
        if hidden:
            del sys.modules[_KERAS]


def refuse_given(values: Flags, names: Sequence[str], rule: str) -> None:
    """Raises ValueError if any of the flags `names` was given; `rule` is part of the message."""
    given = [f"--{name}" for name in names if values[name].present]
    if given:
        raise ValueError(f"`{', '.join(given)}` must not be given: {rule}")


def run(program: ModuleType, arguments: Sequence[str]) -> int | None:
    """Runs a program in this process; its errors are raised as they are.

    Args:
      program: The program.
      arguments: Its flags. `--flagfile=name` finds the files of tools/flagfiles.

    Returns:
      What its `main` returns: its exit status, None for 0.

    Raises:
      flags.Error: A flag is unknown, missing or has a wrong value.
    """
    return program.main(parse(program, arguments))


def parse(program: ModuleType, arguments: Sequence[str]) -> Flags:
    """Returns the flags of a program with their values.

    Raises:
      flags.Error: A flag is unknown, missing or has a wrong value.
      ValueError: There are arguments that are not flags.
    """
    argv = ["program", *map(_with_known_flagfile, arguments)]
    values = _define(program)
    others = values(argv, known_only=RUNNER in values)[1:]
    if others and RUNNER in values:
        if values[RUNNER].value is None:
            others = _define(program)(argv)[1:]  # Raises the error of an unknown flag.
        else:
            values[OTHERS].value += [o for o in others if o.startswith("--")]
            others = [o for o in others if not o.startswith("--")]
    if others:
        raise ValueError(f"unexpected arguments: {others}; a flag is --name=value")
    missing = [
        f"`--{name}`"
        for name in sorted(values)
        if values[name].value is None and getattr(values[name], "is_required", False)
    ]
    if missing:
        raise flags.Error(f"{' and '.join(missing)} must be given")
    return values


def help_text(program: ModuleType) -> str:
    """Returns the text of --help: the docstring, and each flag with its default."""
    values = _define(program)
    lines = [(program.__doc__ or "").strip(), "", "flags:"]
    for name in sorted(values):
        flag = values[name]
        if name != flag.name:
            continue
        lines.append(
            flags.text_wrap(
                f"--[no]{name}: {flag.help}" if flag.boolean else f"--{name}: {flag.help}",
                100,
                "    ",
                "  ",
            )
        )
        if flag.default not in (None, False, "", []):
            lines.append(f"    (default: {flag.default_as_str})")
    return "\n".join(lines)


def start(
    program: ModuleType | str, arguments: Sequence[str] | None = None, name: str | None = None
) -> NoReturn:
    """Runs a program and ends this process.

    The process ends with the status that `main` returns, 0 for None. A wrong flag, argument or
    file ends it with a message of one line and status 1; with --debug it shows the stack trace.

    Args:
      program: The program, or the name of its module.
      arguments: Its flags; None: those of this process.
      name: What its messages begin with; None: the name of its file.
    """
    program = sys.modules[program] if isinstance(program, str) else program
    arguments = sys.argv[1:] if arguments is None else arguments
    name = os.path.basename(sys.argv[0]) if name is None else name
    app.run(lambda _: sys.exit(_checked(program, arguments, name)), argv=[name])


def _checked(program: ModuleType, arguments: Sequence[str], name: str) -> int | None:
    """Runs a program and returns the exit status, or ends with the message of an error."""
    is_debugged = False
    try:
        if set(_HELP) & set(arguments):
            print(help_text(program))
            sys.stdout.flush()
            return 0
        values = parse(program, arguments)
        is_debugged = values.debug
        logging.set_verbosity(values.verbosity)
        logging.get_absl_handler().setFormatter(_PlainFormatter())
        status = program.main(values)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # The reader of the output, such as `head`, has ended.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE_STATUS
    except KeyboardInterrupt:
        if is_debugged:
            raise
        print(f"{name}: interrupted", file=sys.stderr)
        return _INTERRUPTED_STATUS
    except flags.Error as error:
        _fail(name, f"{error}; --help lists the flags")
    except (ImportError, MemoryError, *input_errors.types()) as error:  # Of a missing extra.
        if is_debugged:
            raise
        without_text = "out of memory" if isinstance(error, MemoryError) else type(error).__name__
        _fail(name, str(error) or without_text)


class _PlainFormatter(stdlib_logging.Formatter):
    """Writes `warning: ...`, without time, thread and source file."""

    def format(self, record: stdlib_logging.LogRecord) -> str:
        """Returns the line of a record; without the level if only developers ask for it."""
        text = super().format(record)
        if record.levelno <= stdlib_logging.INFO:
            return text
        return f"{record.levelname.lower()}: {text}"


def _define(program: ModuleType) -> Flags:
    """Returns the flags of a program and those of all programs, not parsed yet."""
    values = Flags()
    values.bool("debug", False, "Show the stack trace of an error.")
    values.integer("verbosity", logging.WARNING, "Log level: -1 warnings, 0 info, 1 debug.")
    program.define_flags(values)
    return values


def _with_known_flagfile(argument: str) -> str:
    """Returns `--flagfile=<path>` for the name of one of our flagfiles, else the argument."""
    if not argument.startswith(_FLAGFILE):
        return argument
    name = argument.removeprefix(_FLAGFILE)
    return _FLAGFILE + (resources.find(name, resources.FLAGFILES, ".flags") or name)


def _fail(name: str, message: object) -> NoReturn:
    """Ends the process with a message of one line and status 1."""
    line = " ".join(part.strip() for part in str(message).splitlines())
    sys.exit(f"{name}: {line}")
