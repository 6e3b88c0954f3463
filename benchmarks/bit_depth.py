r"""Measures what 16 bits cost or gain: the same pictures with 8 bits, and as TIFF files of 16 bits.

    python -m benchmarks.bit_depth --input=../shared/data/nuclei/val --model=nuclei \
        --output_dir=runs/benchmark_bit_depth

Each labelled picture is segmented as it is, with 8 bits; and as TIFF files of 16 bits, whose values
are those of 8 bits with normal noise, times counts / 255, rounded to counts. The noise is the same
in all of them. The row "8 bits with noise" has it as well, rounded to 8 bits. Prints the score of
the Data Science Bowl (docs/evaluation.md) and the median seconds of a picture, and writes
results.json.
"""

import functools
import io
from collections.abc import Callable

import numpy as np

from affinity_seg import cli
from benchmarks import picture_versions

_COUNTS = (255, 1000, 4000, 65535)
"""What 255 becomes in 16 bits."""


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    picture_versions.define_flags(values, "runs/benchmark_bit_depth")
    values.float("noise", 0.5, "Standard deviation of the noise, in steps of 8 bits.", 0)


def main(values: cli.Flags) -> None:
    """Runs the program."""
    picture_versions.judge(values, functools.partial(_versions, noise=values.noise))


def _versions(image: np.ndarray, noise: float) -> dict[str, Callable[[], np.ndarray]]:
    """Returns a picture, uint8 RGB [H, W, 3], as it is read in 8 bits and in 16 bits."""
    random = np.random.default_rng(0)
    steps = random.normal(0, noise, (*image.shape[:2], 1))
    noisy = np.clip(np.rint(image + steps), 0, 255).astype(np.uint8)
    versions = {"8 bits": lambda: image, "8 bits with noise": lambda: noisy}
    for most in _COUNTS:
        values = np.rint((image + steps) * (most / 255))
        counts = np.clip(values, 0, 2**16 - 1).astype(np.uint16)
        versions[f"16 bits, 0-{most}"] = functools.partial(_read, counts)
    return versions


def _read(values: np.ndarray) -> np.ndarray:
    """Returns what is read of a TIFF file with these values."""
    import tifffile

    from affinity_seg.data import pictures

    file = io.BytesIO()
    tifffile.imwrite(file, values, photometric="rgb")
    return pictures.decode("tiff", file.getvalue())


if __name__ == "__main__":
    cli.start(__name__)
