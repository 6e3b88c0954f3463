"""Disturbs the programs in every way and prints what was lost: the table of docs/faults.md.

    PYTHONPATH=. python tests/check_faults.py --output_dir=runs/faults

Kinds: `kill` (SIGKILL at random moments), `together` (two processes, one folder), `disk_full` and
`read_only` (as root; else skipped), `flips` (TFRecords with flipped bytes), `mutants` (broken
pictures, YAML, JSON and lists), `flags`. Writes faults.md and faults.json; ends with status 1
unless all is zero.
"""

import os
import tempfile
import time

from faults import suite, table

from affinity_seg import cli, files

_DEFAULTS = suite.Settings()


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("output_dir", "runs/faults", "Folder for the table.")
    values.multi_enum("kind", list(suite.KINDS), list(suite.KINDS), "What to try.")
    values.integer("kills", _DEFAULTS.kills, "Times that each program is killed.", 1)
    values.integer("pairs", _DEFAULTS.pairs, "Times that each program runs twice at once.", 1)
    values.integer("mutants", _DEFAULTS.mutants, "Mutated files.", 1)
    values.integer("flags", _DEFAULTS.flags, "Mutated flags.", 1)
    values.integer("seed", _DEFAULTS.seed, "Of everything that is random.", 0)
    values.integer("workers", _DEFAULTS.workers, "Rows of the table made at a time.", 1)


def main(values: cli.Flags):
    """Runs the program."""
    settings = suite.Settings(
        kinds=tuple(dict.fromkeys(values.kind)),
        kills=values.kills,
        pairs=values.pairs,
        mutants=values.mutants,
        flags=values.flags,
        seed=values.seed,
        workers=values.workers,
    )
    rows, start = [], time.monotonic()
    with tempfile.TemporaryDirectory(prefix="affinity_seg_faults_") as scratch:
        for row in suite.run(settings, scratch):
            rows.append(row)
            print(
                f"{time.monotonic() - start:6.0f} s  {table.markdown([row]).splitlines()[-1]}",
                flush=True,
            )
            for problem in row.problems:
                print(f"    {problem}", flush=True)
    print("\n" + table.markdown(rows))
    files.write_bytes(os.path.join(values.output_dir, "faults.md"), table.markdown(rows).encode())
    content = {"seed": settings.seed, "rows": [row._asdict() for row in rows]}
    path = os.path.join(values.output_dir, "faults.json")
    files.write_json(path, content)
    print(f"written: {path}, {time.monotonic() - start:.0f} s")
    return 0 if all(row.is_clean() for row in rows) else 1


if __name__ == "__main__":
    cli.start(__name__)
