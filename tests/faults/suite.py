"""All kinds of faults, one after the other."""

import concurrent.futures
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator

from affinity_seg.pipeline import fingerprint, records
from faults import flips, jobs, kills, mutants, scene, space, table

KINDS = ("kill", "together", "disk_full", "read_only", "flips", "mutants", "flags")


@dataclasses.dataclass(frozen=True)
class Settings:
    """How much is tried.

    Attributes:
      kinds: Some of `KINDS`.
      programs: Names of the jobs, see `jobs.jobs`.
      kills: How many times each program is killed.
      pairs: How many times each program runs beside itself.
      shares: Room on the full disks, see `space.SHARES`.
      flip_step: Every how many bytes one is flipped.
      mutants: Mutated files in all.
      flags: Mutated flags.
      images: Of the scene.
      seed: Of everything.
      workers: Rows that are made at the same time.
    """

    kinds: tuple[str, ...] = KINDS
    programs: tuple[str, ...] = (
        "segment",
        "segment_pictures",
        "merge",
        "beam_segment",
        "prepare",
    )
    kills: int = 20
    pairs: int = 5
    shares: tuple[float, ...] = space.SHARES
    flip_step: int = flips.STEP
    mutants: int = 900
    flags: int = 100
    images: int = 4
    seed: int = 1
    workers: int = 2


def run(settings: Settings, scratch: str) -> Iterator[table.Row]:
    """Tries every kind and yields its rows, in the order of the settings.

    Args:
      settings: How much is tried.
      scratch: New folder for everything; a few megabytes.
    """
    found = scene.write(os.path.join(scratch, "scene"), settings.images)
    made = {name: os.path.join(scratch, name) for name in ("segment", "predict_small")}
    all_jobs = jobs.jobs(found, os.path.join(made["segment"], "predictions"))
    for name, output in made.items():
        jobs.require(all_jobs[name].run(output))
    suite = _Suite(settings, found, made, all_jobs, scratch)
    with concurrent.futures.ThreadPoolExecutor(settings.workers) as pool:
        yield from pool.map(lambda unit: unit(), suite.units())


Unit = Callable[[], table.Row]
"""What makes one row."""


class _Suite:
    """The rows of every kind."""

    def __init__(
        self,
        settings: Settings,
        found: scene.Scene,
        made: dict[str, str],
        all_jobs: dict[str, jobs.Job],
        scratch: str,
    ):
        self._settings = settings
        self._scene = found
        self._predictions = os.path.join(made["segment"], "predictions")
        self._small = os.path.join(made["predict_small"], "predictions")
        self._jobs = [all_jobs[name] for name in settings.programs]
        self._scratch = scratch

    def units(self) -> Iterator[Unit]:
        """Yields what makes the rows."""
        for kind in self._settings.kinds:
            yield from getattr(self, kind)(os.path.join(self._scratch, kind))

    def kill(self, folder: str) -> Iterator[Unit]:
        yield from self._of_jobs(kills.kill, folder, self._settings.kills, self._settings.seed)

    def together(self, folder: str) -> Iterator[Unit]:
        yield from self._of_jobs(kills.together, folder, self._settings.pairs, self._settings.seed)

    def disk_full(self, folder: str) -> Iterator[Unit]:
        yield from self._of_jobs(space.disk_full, folder, self._settings.shares)

    def read_only(self, folder: str) -> Iterator[Unit]:
        yield from self._of_jobs(space.read_only, folder)

    def _of_jobs(self, try_job: Callable[..., table.Row], folder: str, *how) -> Iterator[Unit]:
        for job in self._jobs:
            own = _made(folder, job.name)
            yield functools.partial(try_job, job, own, *how)

    def flips(self, folder: str) -> Iterator[Unit]:
        how = _made(folder), self._settings.seed, self._settings.flip_step
        record = records.record_path(self._small, self._scene.items()[0].name)
        yield lambda: flips.prediction_record(record, *how)
        yield lambda: flips.training_record(self._scene, *how)

    def mutants(self, folder: str) -> Iterator[Unit]:
        fingerprint_file = os.path.join(self._predictions, fingerprint.FILE_NAME)
        seeds = mutants.seeds(self._scene, fingerprint_file)
        for number, seed_file in enumerate(seeds):
            count = len(range(number, self._settings.mutants, len(seeds)))
            how = _made(folder), count, self._settings.seed
            yield functools.partial(mutants.read_all, seed_file, *how)

    def flags(self, folder: str) -> Iterator[Unit]:
        arguments = (
            f"--input={self._predictions}",
            f"--preset={self._scene.preset}",
            "--override=alpha=4.0",
            "--override=thresholds=[0.7, 0.6, 0.5]",
            "--method=graph_merge",
            "--min_score=0.5",
            "--classes=car,person",
        )
        how = _made(folder), self._settings.flags, self._settings.seed
        yield functools.partial(mutants.flags, arguments, *how)


def _made(*parts: str) -> str:
    folder = os.path.join(*parts)
    os.makedirs(folder, exist_ok=True)
    return folder
