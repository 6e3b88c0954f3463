"""The fenced blocks of README.md and docs/*.md, and the calls that a shell makes of them."""

import os
import pathlib
import re
import subprocess
from collections.abc import Iterable
from typing import NamedTuple

from running import ROOT

SHELL, PYTHON = "", "python"
SHOWN = ("json", "mermaid", "text")
"""Languages of blocks: commands have none; what is only shown is no code."""

_PROGRAM = r"""#!/bin/bash
call=$(printf '%s\x1f' "${0##*/}" "$@"; printf '\x1e')
printf '%s' "$call" >> "$CALLS"  # One write: the programs of a pipe record at the same time.
"""
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


def make_programs(folder: pathlib.Path, names: Iterable[str]) -> None:
    """Writes programs that do nothing but record in $CALLS how they are called."""
    folder.mkdir()
    for name in names:
        path = folder / name
        path.write_text(_PROGRAM)
        path.chmod(0o755)


def calls(block: Block, programs: pathlib.Path, folder: pathlib.Path) -> list[list[str]]:
    """Returns what a shell calls, program and arguments, when it runs a block in a folder.

    It finds no other programs than those of the folder `programs`.

    Raises:
      AssertionError: The shell ends with an error, such as an unknown program.
    """
    record = folder.parent / "calls"
    record.write_text("")
    done = subprocess.run(
        ["/bin/bash", "-e", "-c", block.text],
        cwd=folder,
        env={**os.environ, "PATH": str(programs), "CALLS": str(record)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and not done.stderr, f"{block}\n{done.stderr}"
    return [call.split("\x1f")[:-1] for call in record.read_text().split("\x1e")[:-1]]
