"""The programs: one module for each verb of `affinity_seg VERB`, see `cli` for what is in it.

from affinity_seg import verbs

verbs.run("merge", ["--input=predictions", "--preset=demo", "--output_dir=results"])
"""

import ast
import difflib
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from affinity_seg import cli

GROUPS = {
    "data": ("prepare",),
    "train": ("fit", "train", "import", "serve_data"),
    "run": ("demo", "segment", "merge", "models"),
    "judge": ("evaluate", "report", "tune", "ablation"),
    "serve": ("pack", "export", "serve", "client"),
}
"""All verbs, in the order in which --help lists them."""

VERBS = tuple(verb for group in GROUPS.values() for verb in group)

_HELP = ("--help", "-h", "help")
_UNKNOWN_STATUS = 2
_INTERRUPTED_STATUS = 128 + 2


def load(verb: str) -> ModuleType:
    """Returns the program of a verb."""
    return importlib.import_module(_module_name(verb))


def run(verb: str, arguments: Sequence[str]) -> int | None:
    """Runs a verb in this process; see `cli.run`."""
    return cli.run(load(verb), arguments)


def start(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs a verb and ends this process; see `cli.start`.

    Args:
      arguments: The verb and its flags; None: those of this process.
    """
    verb, *others = (sys.argv[1:] if arguments is None else arguments) or ("",)
    if verb in ("", *_HELP):
        print("\n".join(_listed()))
        sys.exit(0 if verb else _UNKNOWN_STATUS)
    if verb not in VERBS:
        close = difflib.get_close_matches(verb, VERBS, 1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        print(
            f"affinity_seg: unknown verb {verb!r}; {hint}`affinity_seg --help` lists all",
            file=sys.stderr,
        )
        sys.exit(_UNKNOWN_STATUS)
    try:
        program = load(verb)
    except KeyboardInterrupt:  # During imports; afterwards `cli.start` handles it.
        sys.exit(_INTERRUPTED_STATUS)
    cli.start(program, others, f"affinity_seg {verb}")


def summary(verb: str) -> str:
    """Returns the first line of a verb's docstring, without importing it."""
    with open(importlib.util.find_spec(_module_name(verb)).origin, encoding="utf-8") as file:
        return ast.get_docstring(ast.parse(file.read())).partition("\n")[0]


def _listed() -> list[str]:
    """Returns the lines of --help."""
    width = max(map(len, VERBS))
    lines = [
        "usage: affinity_seg VERB --flag=value ...",
        "",
        "`affinity_seg VERB --help` describes a verb and lists its flags.",
    ]
    for group, verbs in GROUPS.items():
        lines += ["", f"{group}:", *(f"  {verb:{width}}  {summary(verb)}" for verb in verbs)]
    return lines


def _module_name(verb: str) -> str:
    return f"{__name__}.{'import_' if verb == 'import' else verb}"  # `import` is no name in Python.
