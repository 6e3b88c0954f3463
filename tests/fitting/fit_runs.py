"""Runs of `fit` on tiny drawn images, for tests."""

import contextlib
from unittest import mock

import drawn
import yaml

from affinity_seg import verbs
from affinity_seg.fitting import plan, starts, timing


class StoppedError(Exception):
    """Ends a run where a user might have."""


def run_fit(folder, *more, data="data"):
    """Runs `fit` on `data` of a folder into its `model`; returns the exit status."""
    return verbs.run(
        "fit",
        [f"--input={folder / data}", f"--output_dir={folder / 'model'}", "--minutes=0.1", *more],
    )


def draw(folder, count=6):
    """Draws the images of both parts of `data`."""
    drawn.discs(folder / "data" / "train", count, side=32, radii=(8, 10), per_image=1)
    drawn.discs(folder / "data" / "val", 2, side=32, radii=(8, 10), per_image=1, seed=9)


def edit(folder, **values):
    """Changes values in the plan of `model`."""
    path = folder / "model" / plan.FILE
    content = yaml.safe_load(path.read_text())
    for name, value in values.items():
        content[name]["value"] = value
    path.write_text(yaml.safe_dump(content))


@contextlib.contextmanager
def measured(step, ap50):
    """Gives the time of a step and the score of a start, which are not measured."""
    with (
        mock.patch.object(timing, "measure", return_value=step),
        mock.patch.object(starts, "_score", return_value=ap50),
    ):
        yield


def stopping(owner, name):
    """Replaces a function by one that raises `StoppedError`."""
    return mock.patch.object(owner, name, side_effect=StoppedError)
