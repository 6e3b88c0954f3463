r"""Measures what is found in the same pictures enlarged and reduced.

    python -m benchmarks.magnification --input=../shared/data/nuclei/val --model=nuclei \
        --output_dir=runs/benchmark_magnification

Pictures are enlarged by cubic interpolation and reduced by means over areas. Prints the score of
the Data Science Bowl (docs/evaluation.md) and the seconds of each factor, and writes results.json.
"""

from collections.abc import Callable

import numpy as np

from affinity_seg import cli
from benchmarks import picture_versions


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    picture_versions.define_flags(values, "runs/benchmark_magnification")
    values.list("factors", ["0.5", "1", "2", "4"], "Factors by which pictures are enlarged.")


def main(values: cli.Flags) -> None:
    """Runs the program."""
    factors = [_factor(text) for text in values.factors]
    picture_versions.judge(
        values,
        lambda image: {f"{factor:g} times": _enlarged(image, factor) for factor in factors},
    )


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = np.nan
    if not 1 / 64 <= factor <= 64:
        raise ValueError(f"`--factors` must be numbers in [1/64, 64]: {text}")
    return factor


def _enlarged(image: np.ndarray, factor: float) -> Callable[[], np.ndarray]:
    def enlarge() -> np.ndarray:
        import cv2

        height, width = (max(round(side * factor), 1) for side in image.shape[:2])
        method = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
        return cv2.resize(image, (width, height), interpolation=method)

    return enlarge


if __name__ == "__main__":
    cli.start(__name__)
