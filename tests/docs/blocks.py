"""The fenced blocks of README.md and docs/*.md, and the calls that a shell makes of them."""

import os
import pathlib
import re
import shlex
import subprocess
from typing import NamedTuple

from running import ROOT

SHELL, PYTHON, TEXT = "", "python", "text"
"""Languages of blocks; one without a language holds commands."""

_FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block.

    Attributes:
      page: Path of its file from the root.
      language: What stands behind the opening fence.
      text: Its lines.
    """

    page: str
    language: str
    text: str

    @property
    def key(self) -> tuple[str, str]:
        """Page and first line, by which the tests' tables name a block."""
        return self.page, self.text.partition("\n")[0]


def read_all() -> list[Block]:
    """Returns all blocks in the order of the pages."""
    root = pathlib.Path(ROOT)
    blocks = []
    for path in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        page = str(path.relative_to(root))
        blocks += [Block(page, *found) for found in _FENCE.findall(path.read_text())]
    return blocks


def make_programs(folder: pathlib.Path, names: list[str], script: str) -> None:
    """Writes programs that record how they are called in $CALLS, then do what `script` says."""
    folder.mkdir()
    for name in names:
        path = folder / name
        path.write_text(
            "#!/bin/bash\n"
            '{ printf \'%s\\x1f\' "${0##*/}" "$@"; printf \'\\x1e\'; } >> "$CALLS"\n' + script
        )
        path.chmod(0o755)


def run(
    block: Block, programs: pathlib.Path, folder: pathlib.Path
) -> tuple[subprocess.CompletedProcess, list[list[str]]]:
    """Lets a shell run a block that finds no other programs than those of a folder.

    Returns:
      How it ended, and the calls in their order: program and arguments.
    """
    calls = folder.parent / "calls"
    calls.write_text("")
    done = subprocess.run(
        ["/bin/bash", "-e", "-c", block.text],
        cwd=folder,
        env={**os.environ, "PATH": str(programs), "PYTHONPATH": ROOT, "CALLS": str(calls)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = calls.read_text().split("\x1e")[:-1]
    return done, [call.split("\x1f")[:-1] for call in found]


def real_python(executable: str, smaller: dict[str, list[str]]) -> str:
    """Returns a script that calls Python, with more flags for some programs.

    Args:
      executable: The interpreter.
      smaller: Flags to be added, by the path of a program as the blocks write it.
    """
    cases = "".join(
        f'  {program}) set -- "$@" {shlex.join(flags)} ;;\n' for program, flags in smaller.items()
    )
    return f'case "$1" in\n{cases}esac\nexec {shlex.quote(executable)} "$@"\n'
