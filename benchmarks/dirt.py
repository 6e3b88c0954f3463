r"""Measures what is found in the same pictures with a large bright disc, as dirt may look.

    python -m benchmarks.dirt --input=../shared/data/nuclei/val --model=nuclei \
        --output_dir=runs/benchmark_dirt

The disc is white and in the middle. What it covers is lost, and the disc is one false object at
least, so scores fall with its size. They show whether the objects beside it are found at all.
Prints the score of the Data Science Bowl (docs/evaluation.md) and the median seconds for each
diameter, and writes results.json.
"""

from collections.abc import Callable

import numpy as np

from affinity_seg import cli
from benchmarks import picture_versions


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    picture_versions.define_flags(values, "runs/benchmark_dirt")
    values.list("diameters", ["0", "40", "80", "150"], "Diameters of the disc, pixels; 0: none.")


def main(values: cli.Flags) -> None:
    """Runs the program."""
    diameters = [_diameter(text) for text in values.diameters]
    picture_versions.judge(
        values,
        lambda image: {f"disc of {size} pixels": _with_disc(image, size) for size in diameters},
    )


def _diameter(text: str) -> int:
    if not (text.isdecimal() and text.isascii()):
        raise ValueError(f"`--diameters` must be whole numbers of pixels: {text}")
    return int(text)


def _with_disc(image: np.ndarray, diameter: int) -> Callable[[], np.ndarray]:
    def draw() -> np.ndarray:
        y, x = np.indices(image.shape[:2])
        middle = np.array(image.shape[:2]) / 2
        is_disc = np.hypot(y + 0.5 - middle[0], x + 0.5 - middle[1]) < diameter / 2
        return np.where(is_disc[..., None], np.uint8(255), image)

    return draw


if __name__ == "__main__":
    cli.start(__name__)
