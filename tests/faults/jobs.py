"""Runs of programs that are disturbed, and how what they leave is compared."""

import os
from collections.abc import Callable
from typing import NamedTuple

from running import Program

from affinity_seg import files, rejected_inputs
from affinity_seg.export.formats import FORMATS
from faults import programs
from faults.scene import Scene

_TEMPORARY = ".tmp-"


class Job(NamedTuple):
    """A program with its flags.

    Attributes:
      name: For the table.
      program: As of `Programs.start`.
      arguments: From the folder of all outputs to the flags.
    """

    name: str
    program: str
    arguments: Callable[[str], list[str]]

    def start(self, output: str) -> Program:
        """Starts the program."""
        return programs.start(self.program, *self.arguments(output))

    def run(self, output: str) -> programs.Ended:
        """Runs the program to its end."""
        return programs.wait(self.start(output))


def jobs(scene: Scene, predictions: str) -> dict[str, Job]:
    """Returns the jobs on a scene by name.

    Args:
      scene: The scene.
      predictions: Folder of its predictions, for the merge.
    """
    data, small = (
        [f"--input={folder}", "--layout=folder"] for folder in (scene.data_dir, scene.small_dir)
    )
    networks = [f"--model={scene.checkpoint}", f"--preset={scene.preset}"]

    def segment(output: str) -> list[str]:
        return [*data, *networks, f"--output_dir={output}"]

    def segment_pictures(output: str) -> list[str]:
        return [f"--input={scene.data_dir}/images", *networks, f"--output_dir={output}"]

    def predict_small(output: str) -> list[str]:
        return [*small, *networks, f"--output_dir={output}", "--stop_after=predictions"]

    def merge(output: str) -> list[str]:
        preset = f"--preset={scene.preset}"
        return [f"--input={predictions}", preset, f"--output_dir={output}/results"]

    def prepare(output: str) -> list[str]:
        return [*data, "--split=val", "--num_shards=2", f"--output_dir={output}/tfrecords"]

    found = [
        Job("segment", "affinity_seg segment", segment),
        Job(
            "segment_pictures",
            f"affinity_seg segment --formats={','.join(FORMATS)}",
            segment_pictures,
        ),
        Job("predict_small", "affinity_seg segment", predict_small),
        Job("merge", "affinity_seg merge", merge),
        Job("prepare", "affinity_seg prepare", prepare),
        Job("beam_segment", "affinity_seg segment --runner=DirectRunner", segment),
    ]
    return {job.name: job for job in found}


def require(ended: programs.Ended) -> None:
    """Raises RuntimeError unless an undisturbed run has done all it should."""
    if ended.status != 0:
        raise RuntimeError(f"does not run undisturbed, status {ended.status}: {ended.text[-2000:]}")


def tree(folder: str) -> dict[str, str]:
    """Returns the SHA-256 of every file in a folder by its path, temporary ones included."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            found[os.path.relpath(path, folder)] = files.sha256(path)
    return found


def is_temporary(path: str) -> bool:
    """Returns whether a path is that of a file that is still being written."""
    return any(part.startswith(_TEMPORARY) for part in path.split(os.sep))


def half_written(found: dict[str, str], whole: dict[str, str]) -> list[str]:
    """Returns the files under their final names that are not as an undisturbed run writes them."""
    return [
        path
        for path, digest in found.items()
        if not is_temporary(path) and whole.get(path) != digest
    ]


def unlike(found: dict[str, str], whole: dict[str, str]) -> list[str]:
    """Returns what is missing, different or too much after a run that has finished."""
    paths = sorted(found.keys() | whole.keys())
    return [path for path in paths if found.get(path) != whole.get(path)]


def has_rejected(output: str) -> bool:
    """Returns whether a run listed inputs that it could not use."""
    return any(os.path.basename(path) == rejected_inputs.FILE_NAME for path in tree(output))
