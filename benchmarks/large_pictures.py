r"""Measures memory and time of segmenting a picture by its size and the way.

    python -m benchmarks.large_pictures --output_dir=runs/benchmark_large_pictures \
        --side=512 --side=1024 --side=2048 --side=4200

Each picture is a TIFF file, in tiles, of a smaller picture that is repeated. With --bits=16 its
values are multiplied by 16, as those of a camera of 12 bits. Each is segmented by a process of its
own, by one of these ways:

- `pictures`: `affinity_seg segment`.
- `page`: `affinity_seg serve`, as its page asks it: an upload, then a merge for each of some
  thresholds.
- `data_set`: `affinity_seg segment --layout=images`, which holds the whole picture.

Prints a table of the peak memory and the seconds, and writes results.json. The pictures and
the results of the last one stay in the output folder.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from affinity_seg import cli, files, tool_flags
from benchmarks import runs, server_process

_SIDES = [512, 1024, 2048, 4200]
_TILE = 512
_FORMATS = ("labels_tiff", "geojson", "csv")
_THRESHOLDS = (0.5, 0.6, 0.7)


class _Used(NamedTuple):
    """What a program took.

    Attributes:
      peak_bytes: Its largest resident memory.
      cpu_seconds: CPU time of all its threads.
      more: Further columns.
    """

    peak_bytes: int
    cpu_seconds: float
    more: dict[str, float]


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    tool_flags.define_model_flags(values, "nuclei")
    values.string("output_dir", "runs/benchmark_large_pictures", "Folder of all that is written.")
    values.string("picture", "models/nuclei.png", "The picture that is repeated.")
    values.multi_string("side", [str(side) for side in _SIDES], "Height and width, pixels.")
    values.enum("way", "pictures", ["pictures", "page", "data_set"], "How they are segmented.")
    values.enum("bits", "16", ["8", "16"], "Bits of the pictures.")


def main(values: cli.Flags) -> None:
    """Runs the program."""
    from affinity_seg.data import pictures

    cli.refuse_given(values, ("preset",), "part of the model")
    small = pictures.read(values.picture)[..., 1]
    rows = []
    for side in map(int, values.side):
        path = os.path.join(values.output_dir, str(side), f"{side}.tif")
        write_picture(path, small, side, int(values.bits))
        start = time.monotonic()
        used = _serve(values, path) if values.way == "page" else _segment(values, path)
        rows.append(
            {
                "picture": f"{side}x{side}",
                "way": values.way,
                "peak memory, GB": round(used.peak_bytes / 1e9, 2),
                "seconds": round(time.monotonic() - start, 1),
                "seconds of CPU": round(used.cpu_seconds, 1),
                **used.more,
            }
        )
    runs.print_table(f"{values.bits} bits, results as {', '.join(_FORMATS)}", rows)
    path = os.path.join(values.output_dir, "results.json")
    files.write_json(path, rows)
    print(f"\nwritten: {path}")


def _segment(values: cli.Flags, path: str) -> _Used:
    """Runs `affinity_seg segment`."""
    found = os.path.join(values.output_dir, "found", values.way)
    shutil.rmtree(found, ignore_errors=True)  # It would be continued, with nothing left to do.
    options = [f"--input={path}", f"--formats={','.join(_FORMATS)}"]
    if values.way == "data_set":
        options = [f"--input={os.path.dirname(path)}", "--layout=images"]
    command = [sys.executable, "-m", "affinity_seg", "segment", f"--model={values.model}"]
    process = subprocess.Popen([*command, *options, f"--output_dir={found}", *_overrides(values)])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{path}: `affinity_seg segment` ended with status {status}")
    return _Used(usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime, {})


def _serve(values: cli.Flags, path: str) -> _Used:
    """Uses `affinity_seg serve` as its page does."""
    import requests

    flags = [f"--max_pixels={2**26}", "--max_megabytes=2000", "--timeout=3600"]
    log = os.path.join(values.output_dir, "serve.txt")
    with server_process.serve(
        values.model,
        log,
        *flags,
        *_overrides(values),
        port_flags=server_process.PORTS_OF_THE_PAGE,
    ) as server:
        url = f"{server.http}/pictures"
        headers = {"Content-Type": "application/octet-stream"}
        with open(path, "rb") as file:
            answer = requests.post(f"{url}?name={os.path.basename(path)}", file, headers=headers)
        answer.raise_for_status()
        times = []
        for threshold in _THRESHOLDS:
            start = time.monotonic()
            given = {"thresholds": threshold}
            token = answer.json()["token"]
            requests.get(f"{url}/{token}/instances", given).raise_for_status()
            times.append(time.monotonic() - start)
        more = {"seconds of a merge": round(float(np.median(times)), 1)}
        return _Used(server.peak_bytes(), server.cpu_seconds(), more)


def _overrides(values: cli.Flags) -> list[str]:
    return [f"--override={override}" for override in values.override]


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
