"""SIGKILL at random moments, and two processes that write into one folder."""

import os
import shutil
import time

import numpy as np

from faults import jobs as jobs_lib
from faults import programs, table
from faults.jobs import Job

_MOST_KILLS = 2
"""So many times a try may be killed before it is let finish."""


def kill(job: Job, scratch: str, tries: int, seed: int) -> table.Row:
    """Kills a program at random moments and starts it again until it has finished.

    The moments are drawn over the time that an undisturbed run takes. After each kill every file
    under its final name must be whole; at the end all must be as the undisturbed run wrote them.

    Args:
      job: The program.
      scratch: Folder for what it writes.
      tries: How many times.
      seed: Of the moments; try i takes the seed and i.
    """
    whole_dir = os.path.join(scratch, "whole")
    start = time.monotonic()
    ended = job.run(whole_dir)
    seconds = time.monotonic() - start
    jobs_lib.require(ended)
    whole = jobs_lib.tree(whole_dir)
    lost, half, unnamed, killed, problems = 0, 0, 0, 0, []
    for number in range(tries):
        rng = np.random.default_rng([seed, number])
        output = os.path.join(scratch, f"try_{number}")
        torn, moments = [], []
        for _ in range(rng.integers(1, _MOST_KILLS + 1)):
            process = job.start(output)
            moments.append(round(float(rng.uniform(0, seconds)), 2))
            time.sleep(moments[-1])
            was_alive = programs.kill(process) < 0
            killed += was_alive
            torn += jobs_lib.half_written(jobs_lib.tree(output), whole)
            if not was_alive:
                break
        print(f"{job.name}: seed {seed}, {number}: killed after {moments} s", flush=True)
        ended = job.run(output)
        found = jobs_lib.tree(output)
        left = [path for path in found if jobs_lib.is_temporary(path)]
        missing = [path for path in jobs_lib.unlike(found, whole) if path not in left]
        lost += bool(missing)
        half += bool(torn or left)
        unnamed += ended.status != 0
        problems += [
            f"{job.name}, try {number}: {what}: {paths[:3]}"
            for what, paths in (("lost", missing), ("half-written", torn), ("left over", left))
            if paths
        ]
        if ended.status != 0:
            problems.append(f"{job.name}, try {number}: status {ended.status}: {ended.message()}")
        shutil.rmtree(output)
    return table.Row(
        f"SIGKILL of {job.program}",
        tries,
        lost,
        half,
        unnamed,
        f"killed {killed} times within {seconds:.1f} s; the last run: "
        + table.shown(ended.message(), scratch),
        tuple(problems),
    )


def together(job: Job, scratch: str, tries: int, seed: int) -> table.Row:
    """Lets two processes write into one folder, the second a random moment after the first.

    Args:
      job: The program.
      scratch: Folder for what it writes.
      tries: How many times.
      seed: Of the moments.
    """
    whole_dir = os.path.join(scratch, "whole")
    start = time.monotonic()
    jobs_lib.require(job.run(whole_dir))
    seconds = time.monotonic() - start
    whole = jobs_lib.tree(whole_dir)
    lost, half, unnamed, problems = 0, 0, 0, []
    for number in range(tries):
        output = os.path.join(scratch, f"try_{number}")
        first = job.start(output)
        time.sleep(float(np.random.default_rng([seed, number]).uniform(0, seconds / 2)))
        second = job.start(output)
        both = [programs.wait(process) for process in (first, second)]
        found = jobs_lib.tree(output)
        left = [path for path in found if jobs_lib.is_temporary(path)]
        missing = [path for path in jobs_lib.unlike(found, whole) if path not in left]
        failed = [ended for ended in both if ended.status != 0]
        lost += bool(missing)
        half += bool(left)
        unnamed += bool(failed)
        problems += [f"{job.name}, try {number}: {ended.message()}" for ended in failed]
        problems += [f"{job.name}, try {number}: {path}" for path in (missing + left)[:3]]
        shutil.rmtree(output)
    return table.Row(
        f"two processes of {job.program}",
        tries,
        lost,
        half,
        unnamed,
        table.shown(both[-1].message(), scratch),
        tuple(problems),
    )
