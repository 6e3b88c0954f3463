"""Folders without room, and folders that cannot be written, as small file systems in memory."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence

from faults import jobs as jobs_lib
from faults import table
from faults.jobs import Job
from faults.programs import Ended

SHARES = (0.05, 0.3, 0.6, 0.9)
"""Room that a full disk has, as a share of what the whole output takes."""

_PAGE = 4096

_ONLY_ROOT = "only root may mount a small file system"

_LAST = (".tfrecord", "_pred.txt")
"""How the files end whose presence says that an image is done."""


def can_mount(scratch: str) -> bool:
    """Returns whether this process may mount file systems."""
    try:
        with _tmpfs(os.path.join(scratch, "probe"), 1 << 20):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def disk_full(job: Job, scratch: str, shares: Sequence[float] = SHARES) -> table.Row:
    """Lets a program write into a disk that is too small, then once more when it has grown.

    The first run must end with status 1 and name a file, list no input as broken, and leave whole
    files only; the second must leave what an undisturbed run does.

    Args:
      job: The program.
      scratch: Folder for what it writes.
      shares: Room on the disk, shares of what is needed.
    """
    kind = f"disk full, {job.program}"
    if not can_mount(scratch):
        return table.skipped(kind, _ONLY_ROOT)
    outcome = _Outcome()
    whole_dir = os.path.join(scratch, "whole")
    jobs_lib.require(job.run(whole_dir))
    whole = jobs_lib.tree(whole_dir)
    needed = sum(
        -(-os.path.getsize(os.path.join(whole_dir, path)) // _PAGE) * _PAGE for path in whole
    )
    for share in shares:
        disk = os.path.join(scratch, f"disk_{share}")
        with _tmpfs(disk, max(_PAGE, int(share * needed))):
            output = os.path.join(disk, "out")
            ended = job.run(output)
            outcome.check(f"{share:.0%} of the room", ended, output, whole, "space left")
            _mount("-o", f"remount,size={4 * needed + (8 << 20)}", disk)
            outcome.check_repaired(job.run(output), output, whole)
    return outcome.row(kind, scratch)


def read_only(job: Job, scratch: str) -> table.Row:
    """Lets a program write into a file system that is mounted for reading only.

    It does so twice: into a new folder, and into one where half of the images are done. The
    demands are those of `disk_full`.

    Args:
      job: The program.
      scratch: Folder for what it writes.
    """
    kind = f"read-only output, {job.program}"
    if not can_mount(scratch):
        return table.skipped(kind, _ONLY_ROOT)
    outcome = _Outcome()
    for is_started in (False, True):
        disk = os.path.join(scratch, f"disk_{is_started}")
        with _tmpfs(disk, 256 << 20):
            output = os.path.join(disk, "out")
            jobs_lib.require(job.run(output))
            whole = jobs_lib.tree(output)
            last = [path for path in sorted(whole) if path.endswith(_LAST)]
            for path in last[::2] if is_started else whole:
                os.remove(os.path.join(output, path))
            _mount("-o", "remount,ro", disk)
            ended = job.run(output)
            outcome.check(f"started: {is_started}", ended, output, whole, "ead-only")
            _mount("-o", "remount,rw", disk)
            outcome.check_repaired(job.run(output), output, whole)
    return outcome.row(kind, scratch)


class _Outcome:
    """Counts what was wrong."""

    def __init__(self):
        self._tries = self._lost = self._half = self._unnamed = 0
        self._message = ""
        self._problems: list[str] = []

    def check(self, what: str, ended: Ended, output: str, whole: dict[str, str], reason: str):
        """Looks at the run that could not write."""
        self._tries += 1
        found = jobs_lib.tree(output)
        torn = jobs_lib.half_written(found, whole) + [p for p in found if jobs_lib.is_temporary(p)]
        if torn:
            self._half += 1
            self._problems.append(f"{what}: half-written: {torn[:3]}")
        message = ended.message()
        is_named = ended.status == 1 and output in message and reason in message
        if not is_named or "Traceback" in ended.text or jobs_lib.has_rejected(output):
            self._unnamed += 1
            self._problems.append(f"{what}: status {ended.status}: {ended.text[-1500:]}")
        else:
            self._message = message

    def check_repaired(self, ended: Ended, output: str, whole: dict[str, str]):
        """Looks at the run after it."""
        missing = jobs_lib.unlike(jobs_lib.tree(output), whole)
        if ended.status != 0 or missing:
            self._lost += 1
            self._problems.append(f"after that: {ended.message()}, {missing[:3]}")

    def row(self, kind: str, scratch: str) -> table.Row:
        message = table.shown(self._message, scratch)
        counts = self._tries, self._lost, self._half, self._unnamed
        return table.Row(kind, *counts, message, tuple(self._problems))


@contextlib.contextmanager
def _tmpfs(folder: str, size: int) -> Iterator[None]:
    """Mounts a file system in memory of `size` bytes."""
    os.makedirs(folder)
    try:
        _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
        try:
            yield
        finally:
            subprocess.run(["umount", folder], check=True, capture_output=True)
    finally:
        os.rmdir(folder)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
