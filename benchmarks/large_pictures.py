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
their results stay in the output folder.
"""

import os
import socket
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
_THRESHOLDS = (0.5, 0.6, 0.7)


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
        usage, more = _serve(values, path) if values.way == "page" else _segment(values, path)
        rows.append(
            {
                "picture": f"{side}x{side}",
                "way": values.way,
                "peak memory, GB": round(usage.ru_maxrss * 1024 / 1e9, 2),
                "seconds": round(time.monotonic() - start, 1),
                "seconds of CPU": round(usage.ru_utime + usage.ru_stime, 1),
                **more,
            }
        )
    runs.print_table(f"{values.bits} bits, results as {', '.join(_FORMATS)}", rows)
    path = os.path.join(values.output_dir, "results.json")
    files.write_json(path, rows)
    print(f"\nwritten: {path}")


def _segment(values, path):
    """Runs `affinity_seg segment`; returns what it used, and further columns: none."""
    found = os.path.join(values.output_dir, "found", values.way)
    options = [f"--input={path}", f"--formats={','.join(_FORMATS)}", f"--output_dir={found}"]
    if values.way == "data_set":
        options = [f"--input={os.path.dirname(path)}", "--layout=images", f"--output_dir={found}"]
    process = _start(values, "segment", *options)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{path}: `affinity_seg segment` ended with status {status}")
    return usage, {}


def _serve(values, path):
    """Uses `affinity_seg serve` as its page does; returns what it used, and further columns."""
    import requests

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [f"--http_port={port}", f"--max_pixels={2**26}", "--max_megabytes=2000"]
    process = _start(values, "serve", *options, "--timeout=3600", stdout=subprocess.PIPE, text=True)
    try:
        if not any(line.startswith("ready: ") for line in process.stdout):
            sys.exit("`affinity_seg serve` has ended")
        url = f"http://127.0.0.1:{port}/pictures"
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
    finally:
        process.terminate()
        _, _, usage = os.wait4(process.pid, 0)
    return usage, {"seconds of a merge": round(float(np.median(times)), 1)}


def _start(values, verb, *options, **how):
    """Starts a verb with the model and its overrides."""
    overrides = [f"--override={override}" for override in values.override]
    command = [sys.executable, "-m", "affinity_seg", verb, f"--model={values.model}"]
    return subprocess.Popen([*command, *options, *overrides], **how)


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
