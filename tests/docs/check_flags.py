"""Parses flags of programs without running them; in a process of its own, as it imports them all.

Reads a JSON list of [path of a program from the root, arguments ...] and writes a list of what is
wrong with each call, null where nothing is.
"""

import importlib.util
import json
import os
import sys

from affinity_seg import class_tables, cli, tool_flags
from affinity_seg.configs import inference
from affinity_seg.tasks import experiment_flags

_ROOT = os.path.join(os.path.dirname(__file__), "..", "..")


def _check(path: str, arguments: list[str]) -> None:
    """Raises what a program would raise about its flags, and about the settings they name."""
    spec = importlib.util.spec_from_file_location("checked", os.path.join(_ROOT, path))
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    values = cli.parse(program, arguments)
    if cli.RUNNER in values and values[cli.RUNNER].value is not None:
        from affinity_seg.beam import running  # Late: it takes seconds.

        running.parse_options(tool_flags.beam_flags(values))
    if "experiment" in values:
        experiment_flags.parse(values)
    if "formats" in values:
        tool_flags.check_formats(values)
    if "override" in values:
        inference.load_config(values.preset if "preset" in values else None, values.override)
    # A table below runs/ is one that another command writes.
    class_table = values.class_table if "class_table" in values else None
    if class_table is not None and not class_table.startswith("runs/"):
        class_tables.load_class_table(class_table)


def main() -> None:
    answers = []
    for path, *arguments in json.load(sys.stdin):
        sys.path[0] = os.path.dirname(os.path.join(_ROOT, path))
        try:
            _check(path, arguments)
            answers.append(None)
        except (Exception, SystemExit) as error:
            answers.append(f"{type(error).__name__}: {error}")
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
