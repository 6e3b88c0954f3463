"""All kinds of faults, one after the other."""

import dataclasses
import os
from collections.abc import Iterator

from affinity_seg.faults import flips, jobs, kills, mutants, scene, space, table
from affinity_seg.faults.programs import Programs
from affinity_seg.inference import fingerprint, records

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
    """

    kinds: tuple[str, ...] = KINDS
    programs: tuple[str, ...] = ("predict", "merge", "beam_segment", "create_tfrecords")
    kills: int = 20
    pairs: int = 5
    shares: tuple[float, ...] = space.SHARES
    flip_step: int = flips.STEP
    mutants: int = 900
    flags: int = 100
    images: int = 4
    seed: int = 1


def run(settings: Settings, scratch: str) -> Iterator[table.Row]:
    """Tries every kind and yields its row.

    Args:
      settings: How much is tried.
      scratch: New folder for everything; a few megabytes.
    """
    found = scene.write(os.path.join(scratch, "scene"), settings.images)
    with Programs(os.path.join(scratch, "logs")) as programs:
        output = os.path.join(scratch, "output")
        predictions = os.path.join(output, "predictions")
        all_jobs = jobs.jobs(found, predictions)
        ended = all_jobs["predict"].run(programs, output)
        if ended.status != 0:
            raise RuntimeError(f"tools/predict.py does not run undisturbed: {ended.text}")
        small = os.path.join(scratch, "small")
        if "flips" in settings.kinds and all_jobs["predict_small"].run(programs, small).status:
            raise RuntimeError("tools/predict.py does not run on a small image")
        wanted = [all_jobs[name] for name in settings.programs]
        for kind in settings.kinds:
            folder = os.path.join(scratch, kind)
            os.makedirs(folder)
            made = small if kind == "flips" else predictions
            yield from _ROWS[kind](settings, programs, found, made, wanted, folder)


def _kill(settings, programs, found, predictions, wanted, folder) -> Iterator[table.Row]:
    for job in wanted:
        own = os.path.join(folder, job.name)
        yield kills.kill(programs, job, own, settings.kills, settings.seed)


def _together(settings, programs, found, predictions, wanted, folder) -> Iterator[table.Row]:
    for job in wanted:
        own = os.path.join(folder, job.name)
        yield kills.together(programs, job, own, settings.pairs, settings.seed)


def _disk_full(settings, programs, found, predictions, wanted, folder) -> Iterator[table.Row]:
    if space.can_mount(folder):
        yield space.disk_full(programs, wanted, folder, settings.shares)
    else:
        yield table.skipped("disk full", "only root may mount a small file system")


def _read_only(settings, programs, found, predictions, wanted, folder) -> Iterator[table.Row]:
    if space.can_mount(folder):
        yield space.read_only(programs, wanted, folder)
    else:
        yield table.skipped("read-only output", "only root may mount a small file system")


def _flips(settings, programs, found, predictions, wanted, folder) -> Iterator[table.Row]:
    record = records.record_path(predictions, found.items()[0].name)
    yield flips.prediction_record(record, folder, settings.seed, settings.flip_step)
    yield flips.training_record(found, folder, settings.seed, settings.flip_step)


def _mutants(settings, programs, found, predictions, wanted, folder) -> Iterator[table.Row]:
    seeds = mutants.seeds(found, os.path.join(predictions, fingerprint.FILE_NAME))
    for number, seed_file in enumerate(seeds):
        count = len(range(number, settings.mutants, len(seeds)))
        yield mutants.read_all(programs, seed_file, folder, count, settings.seed)


def _flags(settings, programs, found, predictions, wanted, folder) -> Iterator[table.Row]:
    def arguments() -> list[str]:
        return [
            f"--input={predictions}",
            f"--preset={found.preset}",
            "--override=alpha=4.0",
            "--override=thresholds=[0.7, 0.6, 0.5]",
            "--method=graph_merge",
            "--min_score=0.5",
            "--classes=car,person",
        ]

    yield mutants.flags(programs, arguments, folder, settings.flags, settings.seed)


_ROWS = {
    "kill": _kill,
    "together": _together,
    "disk_full": _disk_full,
    "read_only": _read_only,
    "flips": _flips,
    "mutants": _mutants,
    "flags": _flags,
}
