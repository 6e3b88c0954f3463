r"""Times the way of a picture from its file to the file of its instances, part by part.

    python -m benchmarks.whole_way --output_dir=runs/benchmark_whole_way

The pictures are the one that ships with the model `nuclei`, a picture of 4000x4000 pixels that
repeats it, and, if `make demo` has run, a synthetic street of 1024x2048 for its model. Each is
segmented in this process as `affinity_seg.load(...).segment(file)` does, and its instances are
written as a PNG of 16 bits. The first time is for warming up; medians are over the others.

- other: reading the file, contrast, zoom, and the merges that estimate the zoom.
- networks: all runs of the networks, also those that estimate the zoom.
- merge: from logits to instances, pasted into the picture.
- write: the file of the instances.

Prints a table and writes results.json.
"""

import contextlib
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from affinity_seg import cli, files
from benchmarks import large_pictures, runs

_STREET = (1024, 2048)
"""Height and width, pixels."""


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("output_dir", "runs/benchmark_whole_way", "Folder of all that is written.")
    values.string("model", "nuclei", "Name or folder of the model for nuclei.")
    values.string("picture", "models/nuclei.png", "A picture of nuclei.")
    values.integer("side", 4000, "Height and width of the large picture, pixels.", 1)
    values.string("demo", "runs/demo", "Folder of `make demo`.")
    values.integer("repetitions", 5, "Times that count, of each picture.", 1)


def main(values: cli.Flags) -> None:
    """Runs the program."""
    from affinity_seg import model_folder
    from affinity_seg.pipeline import prediction_runs
    from benchmarks import model_measures

    rows = []
    for name, model, path in _cases(values):
        described = model_folder.read(model)
        segmenter = prediction_runs.load_segmenter(described.config(), *described.network_dirs)
        rows.append({"picture": name, **_measure(segmenter, path, values)})
    print(f"{model_measures.machine()}.")
    runs.print_table("seconds, medians", rows)
    path = os.path.join(values.output_dir, "results.json")
    files.write_json(path, rows)
    print(f"\nwritten: {path}")


def _cases(values):
    """Makes the large picture and the street; returns name, model and file of each picture."""
    import cv2
    import numpy as np

    from affinity_seg.data import pictures
    from synthetic import scene

    small = pictures.read(values.picture)
    height, width = small.shape[:2]
    large = os.path.join(values.output_dir, f"{values.side}.tif")
    large_pictures.write_picture(large, small[..., 1], values.side, bits=8)
    cases = [
        (f"nuclei, {height}x{width}", values.model, values.picture),
        (f"nuclei, {values.side}x{values.side}", values.model, large),
    ]
    if not os.path.isfile(os.path.join(values.demo, "model.yaml")):
        print(f"skipped: {values.demo} not found")
        return cases
    street = os.path.join(values.output_dir, "street.png")
    drawn = scene.render_street(*_STREET, np.random.default_rng(1))
    cv2.imwrite(street, drawn.image[..., ::-1])
    return [*cases, (f"street, {_STREET[0]}x{_STREET[1]}", values.demo, street)]


def _measure(segmenter, path: str, values) -> dict[str, Any]:
    """Returns the median seconds of each part and of the whole, and the number of instances."""
    import cv2
    import numpy as np

    from affinity_seg.data import windows
    from affinity_seg.pipeline import large
    from affinity_seg.pipeline.timeline import Timeline

    watched = Timeline()
    networks = {segmenter.semantic, *segmenter.networks}
    called = [
        (one, name, "networks") for one in networks for name in ("logits", "encode", "decode")
    ]
    called += [(segmenter.merger, name, "merge") for name in ("add", "finish")]
    for owner, name, part in called:
        setattr(owner, name, _Watched(getattr(owner, name), watched, part))
    output = os.path.join(values.output_dir, "instances.png")
    times = []
    for _ in range(1 + values.repetitions):
        watched.spans.clear()
        start = time.perf_counter()
        with contextlib.closing(windows.open_picture(path)) as picture:
            found = large.find(segmenter, picture).instances.whole()
        segmented = time.perf_counter()
        cv2.imwrite(output, found.instance_ids.astype(np.uint16))
        end = time.perf_counter()
        parts = {part: watched.seconds(part) for part in ("networks", "merge")}
        other = segmented - start - sum(parts.values())
        times.append({"other": other, **parts, "write": end - segmented, "all": end - start})
    medians = {name: statistics.median(one[name] for one in times[1:]) for name in times[0]}
    return {"instances": len(found.classes), **{k: round(v, 3) for k, v in medians.items()}}


class _Watched:
    """A function whose calls are spans of a `Timeline`; has its attributes as well."""

    def __init__(self, function: Callable[..., Any], times: Any, part: str):
        self._function = function
        self._times = times
        self._part = part

    def __call__(self, *args, **kwargs):
        with self._times.span(self._part):
            return self._function(*args, **kwargs)

    def __getattr__(self, name: str):
        return getattr(self._function, name)


if __name__ == "__main__":
    cli.start(__name__)
