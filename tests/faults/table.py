"""The table of faults: what was tried, what was lost, what was half-written, what was said."""

from collections.abc import Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """One kind of fault.

    Attributes:
      kind: What was done.
      tries: How many times; 0 where it was skipped.
      lost: Tries after which something was missing or other than in an undisturbed run.
      half_written: Tries that left a file that is not whole under its final name, or a temporary
        one after the run that followed.
      unnamed: Tries whose message does not name the file or flag, is no message at all (a stack
        trace, a crash, a hang), or is missing.
      message: An example of what was said, or why the kind was skipped.
      problems: What was wrong, a line for each.
    """

    kind: str
    tries: int
    lost: int
    half_written: int
    unnamed: int
    message: str
    problems: tuple[str, ...] = ()

    def is_clean(self) -> bool:
        """Returns whether nothing was wrong."""
        return not (self.lost or self.half_written or self.unnamed or self.problems)


def skipped(kind: str, reason: str) -> Row:
    """Returns the row of a kind that cannot be tried here."""
    return Row(kind, 0, 0, 0, 0, f"skipped: {reason}")


def markdown(rows: Sequence[Row]) -> str:
    """Returns the table in Markdown."""
    lines = [
        "| kind | tries | lost | half-written | unnamed | message |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        message = row.message.replace("|", "\\|")
        lines.append(
            f"| {row.kind} | {row.tries} | {row.lost} | {row.half_written} | {row.unnamed} | "
            f"{message} |"
        )
    return "\n".join(lines) + "\n"


def shown(message: str, *folders: str) -> str:
    """Returns a message for the table: in one line, without the folders of this machine."""
    for folder in folders:
        message = message.replace(folder.rstrip("/") + "/", "")
    return " ".join(message.split())[:200]
