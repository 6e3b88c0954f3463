"""The programs of tools/ as verbs: `python -m affinity_seg predict --input=...`."""

import ast
import difflib
import os
import runpy
import sys

from affinity_seg import resources

GROUPS = {
    "data": ("create_tfrecords", "create_training_sets", "beam_prepare"),
    "train": ("train", "import_checkpoint", "serve_data"),
    "run": ("demo", "segment", "predict", "merge", "beam_segment"),
    "judge": ("evaluate", "report", "visualize", "export_results", "ablation"),
    "serve": ("export_saved_model", "serve", "serving_client"),
}
"""The order in which --help lists the verbs; those of no group come last."""

_HELP = ("--help", "-h", "help")
_UNKNOWN_STATUS = 2
_INTERRUPTED_STATUS = 128 + 2


def main(arguments: list[str]) -> int | None:
    """Runs the program that the first argument names with the others.

    Args:
      arguments: What follows `python -m affinity_seg`.

    Returns:
      An exit status; a program that is run ends with its own.
    """
    verbs = resources.names("tools", ".py")
    if not arguments or arguments[0] in _HELP:
        print("\n".join(_listed(verbs)))
        return 0 if arguments else _UNKNOWN_STATUS
    verb = arguments[0].removesuffix(".py")
    if verb not in verbs:
        close = difflib.get_close_matches(verb, verbs, 1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        print(
            f"affinity_seg: unknown verb {verb!r}; {hint}`python -m affinity_seg --help` lists all",
            file=sys.stderr,
        )
        return _UNKNOWN_STATUS
    sys.argv[1:] = arguments[1:]
    try:
        runpy.run_path(_path(verb), run_name="__main__")
    except KeyboardInterrupt:  # While the program's imports run; later it says so itself.
        return _INTERRUPTED_STATUS
    return 0


def _listed(verbs: list[str]) -> list[str]:
    """Returns the lines of --help."""
    grouped = {verb for group in GROUPS.values() for verb in group}
    groups = {**GROUPS, "more": [verb for verb in verbs if verb not in grouped]}
    width = max(map(len, verbs), default=0)
    lines = [
        "usage: python -m affinity_seg VERB --flag=value ...",
        "",
        "Each verb is a program of tools/; `python -m affinity_seg VERB --help` lists its flags.",
    ]
    for group, members in groups.items():
        present = [verb for verb in members if verb in verbs]  # A wheel lacks the demo.
        if present:
            lines += ["", f"{group}:"]
            lines += [f"  {verb:{width}}  {_first_line(verb)}" for verb in present]
    return lines


def _first_line(verb: str) -> str:
    """Returns the first line of a program's docstring, without running the program."""
    with open(_path(verb), encoding="utf-8") as file:
        return (ast.get_docstring(ast.parse(file.read())) or "").partition("\n")[0]


def _path(verb: str) -> str:
    return os.path.join(resources.root(), "tools", verb + ".py")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
