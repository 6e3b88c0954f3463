"""Parses flags of programs without running them; in a process of its own, as flags are global.

Reads a JSON list of [path of a program from the root, arguments ...] and writes a list of what is
wrong with each call, null where nothing is.
"""

import json
import os
import runpy
import sys
from unittest import mock

from absl import flags

from affinity_seg import cli, labels, resources
from affinity_seg.configs import inference
from affinity_seg.tasks import experiment_flags

FLAGS = flags.FLAGS


def _check(name: str, arguments: list[str]) -> None:
    """Raises what a program would raise about its flags, and about the settings they name."""
    program = os.path.join(resources.root(), name)
    with mock.patch.object(sys, "path", [os.path.dirname(program), *sys.path]):
        runpy.run_path(program, run_name="checked")  # Defines its flags.
    with open(program, encoding="utf-8") as file:
        passes_arguments = "pass_arguments=True" in file.read()
    rest = cli.parse_flags([program, *arguments], known_only=passes_arguments)[1:]
    if passes_arguments:
        from affinity_seg.beam import running  # Late: it takes seconds.

        running.parse_options(rest)
    elif rest:
        raise ValueError(f"unexpected arguments: {rest}")
    if "experiment" in FLAGS:
        experiment_flags.parse()
    if "override" in FLAGS:
        inference.load_config(FLAGS.preset if "preset" in FLAGS else None, FLAGS.override)
    # A table below runs/ is one that another command writes.
    if "class_table" in FLAGS and not FLAGS.class_table.startswith("runs/"):
        labels.load_class_table(FLAGS.class_table)


def main() -> None:
    shared = set(FLAGS)
    answers = []
    for name, *arguments in json.load(sys.stdin):
        try:
            _check(name, arguments)
            answers.append(None)
        except (Exception, SystemExit) as error:
            answers.append(f"{type(error).__name__}: {error}")
        FLAGS.unparse_flags()
        for flag in set(FLAGS) - shared:
            delattr(FLAGS, flag)
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
