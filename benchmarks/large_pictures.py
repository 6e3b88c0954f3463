r"""Measures memory and time of `affinity_seg segment` by the size of the picture.

    python -m benchmarks.large_pictures --output_dir=runs/benchmark_large_pictures \
        --side=512 --side=1024 --side=2048 --side=4200

Each picture is a TIFF file, in tiles, of a smaller picture that is repeated. With --bits=16 its
values are multiplied by 16, as those of a camera of 12 bits. Each is segmented by a process of its
own. Prints a table of the peak memory and the seconds, and writes results.json. The pictures and
their results stay in the output folder.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np

from affinity_seg import cli, files, tool_flags
from benchmarks import runs

_SIDES = [512, 1024, 2048, 4200]
_TILE = 512
_FORMATS = ("labels_tiff", "geojson", "csv")


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    tool_flags.define_model_flags(values, "nuclei")
    values.string("output_dir", "runs/benchmark_large_pictures", "Folder of all that is written.")
    values.string("picture", "models/nuclei.png", "The picture that is repeated.")
    values.multi_string("side", [str(side) for side in _SIDES], "Height and width, pixels.")
    values.enum("bits", "16", ["8", "16"], "Bits of the pictures.")


def main(values: cli.Flags) -> None:
    """Runs the program."""
    from affinity_seg.data import pictures

    cli.refuse_given(values, ("preset",), "part of the model")
    small = pictures.read(values.picture)[..., 1]
    rows = []
    for side in map(int, values.side):
        path = os.path.join(values.output_dir, f"{side}.tif")
        write_picture(path, small, side, int(values.bits))
        options = [f"--override={override}" for override in values.override]
        command = [
            *(sys.executable, "-m", "affinity_seg", "segment", f"--input={path}"),
            f"--model={values.model}",
            f"--output_dir={os.path.join(values.output_dir, 'found')}",
            f"--formats={','.join(_FORMATS)}",
        ]
        start = time.monotonic()
        process = subprocess.Popen([*command, *options])
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"{path}: `affinity_seg segment` ended with status {status}")
        rows.append(
            {
                "picture": f"{side}x{side}",
                "peak memory, GB": round(usage.ru_maxrss * 1024 / 1e9, 2),
                "seconds": round(time.monotonic() - start, 1),
                "seconds of CPU": round(usage.ru_utime + usage.ru_stime, 1),
            }
        )
    runs.print_table(f"{values.bits} bits, results as {', '.join(_FORMATS)}", rows)
    path = os.path.join(values.output_dir, "results.json")
    files.write_json(path, rows)
    print(f"\nwritten: {path}")


def write_picture(path: str, small: np.ndarray, side: int, bits: int) -> None:
    """Writes a TIFF file of a repeated picture, tile by tile.

    Args:
      path: The file.
      small: uint8 [h, w], what is repeated, downwards and to the right.
      side: Height and width of the file's picture, pixels.
      bits: 8, or 16: values are then multiplied by 16, as those of a camera of 12 bits.
    """
    import tifffile

    dtype, factor = (np.uint8, 1) if bits == 8 else (np.uint16, 16)
    values = small.astype(dtype) * dtype(factor)

    def tiles() -> Iterator[np.ndarray]:
        for top in range(0, side, _TILE):
            for left in range(0, side, _TILE):
                rows = np.arange(top, min(top + _TILE, side)) % small.shape[0]
                columns = np.arange(left, min(left + _TILE, side)) % small.shape[1]
                yield values[np.ix_(rows, columns)]

    with files.atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            tiles(),
            shape=(side, side),
            dtype=dtype,
            tile=(_TILE, _TILE),
            compression="zlib",
            photometric="minisblack",
        )


if __name__ == "__main__":
    cli.start(__name__)
