"""The pipeline on Beam beside the plain tools: the same bytes, and how long whole programs take.

Each run is a program of its own with a new folder, as a user starts it: importing and loading the
networks count on both sides.
"""

import filecmp
import functools
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from affinity_seg import structured
from affinity_seg.configs.choices import PREDICTIONS, RESULTS
from affinity_seg.data import listing

PLAIN = "plain tools"


class Settings(NamedTuple):
    """What the user chose.

    Attributes:
      input: Folder of a data set in layout `cityscapes`.
      split: Part of it.
      preset: Preset to be used instead of the model's, if any.
      overrides: Fields that differ, as of --override.
      model: Folder of the model.
      output_dir: Folder in which the runs have theirs, which are removed again.
      repetitions: Rounds; in each, every way has its turn.
      threads: TensorFlow's threads in each process of Beam; 0: as many as cores.
    """

    input: str
    split: str
    preset: str | None
    overrides: list[str]
    model: str
    output_dir: str
    repetitions: int
    threads: int

    def num_images(self) -> int:
        """Returns the number of images of the split."""
        return len(listing.list_images(self.input, "cityscapes", self.split))


def check(settings: Settings) -> list[dict[str, Any]]:
    """Compares two worker processes with the plain tools, byte for byte, and both APs.

    Returns:
      One row: images, files that are equal and that differ, AP of both.
    """
    plain_dir, beam_dir = (os.path.join(settings.output_dir, n) for n in ("plain", "beam_2"))
    for folder in (plain_dir, beam_dir):
        shutil.rmtree(folder, ignore_errors=True)
    _run_plain(settings, plain_dir)
    _run_beam(settings, beam_dir, 2, "--evaluate")
    judged = os.path.join(settings.output_dir, "evaluation.json")
    _run_verb(
        "evaluate",
        f"--input={settings.input}",
        f"--split={settings.split}",
        f"--results_dir={os.path.join(plain_dir, RESULTS)}",
        f"--output_json={judged}",
    )
    official, combined = (
        structured.read_json(path) for path in (judged, os.path.join(beam_dir, "scores.json"))
    )
    equal, different = compare(plain_dir, beam_dir)
    row = {
        "images": settings.num_images(),
        "equal files": equal,
        "different files": len(different),
        "AP of evaluate": official["ap"],
        "AP on Beam": combined["ap"],
        "AP equal": all(official[key] == combined[key] for key in ("ap", "ap50", "classes")),
    }
    for path in different[:10]:
        print(f"differs: {path}")
    shutil.rmtree(plain_dir)
    shutil.rmtree(beam_dir)
    return [row]


def throughput(settings: Settings) -> list[dict[str, Any]]:
    """Times the plain tools beside Beam in one process.

    Returns:
      A row for each: median seconds, images per second, the plain tools' speed being 1.
    """
    ways = {PLAIN: _run_plain, "Beam, in process": lambda s, folder: _run_beam(s, folder, 1)}
    return _measure(settings, ways, PLAIN)


def scaling(settings: Settings) -> list[dict[str, Any]]:
    """Times Beam with two worker processes beside one.

    Returns:
      As `throughput`, the speed of one worker process being 1.
    """

    mode = "--direct_running_mode=multi_processing"
    ways = {
        "Beam, one worker": lambda s, folder: _run_beam(s, folder, 1, mode),
        "Beam, two workers": lambda s, folder: _run_beam(s, folder, 2, mode),
    }
    return _measure(settings, ways, "Beam, one worker")


SUITES = {"check": check, "throughput": throughput, "scaling": scaling}


def take_turns(
    output_dir: str,
    num_images: int,
    ways: dict[str, Callable[[str], None]],
    base: str,
    repetitions: int,
) -> list[dict[str, Any]]:
    """Times ways to do the same; the order of each round is the opposite of the last one's.

    Args:
      output_dir: Where each turn has its folder, which is removed again.
      num_images: What each way does.
      ways: They, by name; each is called with a folder to make.
      base: The way that the others are compared with.
      repetitions: Rounds.

    Returns:
      For each way: median seconds, images per second, and the median over the rounds of how many
      times faster than `base` it was.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    folder = os.path.join(output_dir, "turn")
    for turn in range(repetitions):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            shutil.rmtree(folder, ignore_errors=True)
            start = time.perf_counter()
            ways[name](folder)
            seconds[name].append(time.perf_counter() - start)
            print(f"{name}: {seconds[name][-1]:.1f} s", flush=True)
            shutil.rmtree(folder)
    return [
        {
            "way": name,
            "seconds": statistics.median(times),
            "images per second": num_images / statistics.median(times),
            "speed": statistics.median(
                first / own for first, own in zip(seconds[base], times, strict=True)
            ),
        }
        for name, times in seconds.items()
    ]


def _measure(
    settings: Settings, ways: dict[str, Callable[[Settings, str], None]], base: str
) -> list[dict[str, Any]]:
    calls = {name: functools.partial(way, settings) for name, way in ways.items()}
    return take_turns(settings.output_dir, settings.num_images(), calls, base, settings.repetitions)


def _run_plain(settings: Settings, folder: str) -> None:
    _run_verb("segment", *_what(settings), f"--output_dir={folder}")


def _run_beam(settings: Settings, folder: str, processes: int, *more: str) -> None:
    _run_verb(
        "segment",
        *_what(settings),
        f"--output_dir={folder}",
        "--runner=DirectRunner",
        f"--direct_num_workers={processes}",
        f"--threads={settings.threads}",
        *more,
    )


def _what(settings: Settings) -> list[str]:
    """Returns the flags that both ways have."""
    return [
        "--layout=cityscapes",
        f"--input={settings.input}",
        f"--split={settings.split}",
        *([] if settings.preset is None else [f"--preset={settings.preset}"]),
        *(f"--override={field}" for field in settings.overrides),
        f"--model={settings.model}",
    ]


def _run_verb(verb: str, *arguments: str) -> None:
    """Runs a verb.

    Raises:
      ValueError: It failed; the message is its last line.
    """
    command = [sys.executable, "-m", "affinity_seg", verb, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        lines = (result.stderr or result.stdout).strip().splitlines() or ["no message"]
        raise ValueError(f"{verb} ended with status {result.returncode}: {lines[-1]}")


def compare(first: str, second: str) -> tuple[int, list[str]]:
    """Returns how many files of predictions and results are equal, and which differ or miss."""
    equal, different = 0, []
    for folder in (PREDICTIONS, RESULTS):
        names = {
            os.path.relpath(os.path.join(parent, name), root)
            for root in (os.path.join(first, folder), os.path.join(second, folder))
            for parent, _, files in os.walk(root)
            for name in files
        }
        paths = [os.path.join(folder, name) for name in sorted(names)]
        same, differ, missing = filecmp.cmpfiles(first, second, paths, shallow=False)
        equal += len(same)
        different += differ + missing
    return equal, different
