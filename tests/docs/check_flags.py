"""Parses flags of programs without running them; in a process of its own, as flags are global.

Reads a JSON list of [path of a program, arguments ...] and writes a list of what is wrong with each
call, null where nothing is. The current folder must be the root of the checkout.
"""

import json
import runpy
import sys

from absl import flags

from affinity_seg import cli, labels
from affinity_seg.configs import inference
from affinity_seg.tasks import experiment_flags

FLAGS = flags.FLAGS


def _check(program: str, arguments: list[str]) -> None:
    """Raises what a program would raise about its flags, and about the settings they name."""
    runpy.run_path(program, run_name="checked")  # Defines its flags.
    with open(program, encoding="utf-8") as file:
        passes_arguments = "pass_arguments=True" in file.read()
    rest = cli.parse_flags([program, *arguments], known_only=passes_arguments)[1:]
    if rest and not passes_arguments:
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
    for program, *arguments in json.load(sys.stdin):
        try:
            _check(program, arguments)
            answers.append(None)
        except (Exception, SystemExit) as error:
            answers.append(f"{type(error).__name__}: {error}")
        FLAGS.unparse_flags()
        for name in set(FLAGS) - shared:
            delattr(FLAGS, name)
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
