"""What the benchmark's suites share: settings, the op, tables."""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from affinity_seg import files
from affinity_seg.merge_options import MergeOptions
from benchmarks import scenes

_TENSOR_ALIGNMENT = 64  # bytes, of TensorFlow's tensors


class Settings(NamedTuple):
    """What the user chose.

    Attributes:
      scenes: How many scenes.
      height: Of scenes, pixels; they are twice as wide.
      objects: Of each scene.
      foreground: Share of the pixels that they cover.
      repetitions: Calls that are timed.
      threads: Beside one.
      seed: Of the first scene.
      max_height: Of suite `growth`, pixels.
    """

    scenes: int
    height: int
    objects: int
    foreground: float
    repetitions: int
    threads: int
    seed: int
    max_height: int

    def make_scene(self, index: int, noise: float = scenes.NOISE) -> scenes.Scene:
        """Returns the scene of this index."""
        return scenes.make_scene(
            self.seed + index,
            self.height,
            2 * self.height,
            self.objects,
            self.foreground,
            noise=noise,
        )


def merge_call(
    scene: scenes.Scene, num_threads: int, min_pixels: int = 0, tiles: int = 1
) -> Callable[..., Any]:
    """Returns a function that runs the op; it takes `output_edges`.

    Args:
      scene: The input.
      num_threads: As in `graph_merge`.
      min_pixels: As in `graph_merge`.
      tiles: So many copies of the scene in each direction are the input.
    """
    import tensorflow as tf  # Late, as elsewhere.

    from affinity_seg.ops.loader import load_library

    library = load_library()
    options = MergeOptions(min_pixels=min_pixels).for_classes(scene.semantic.shape[-1])
    semantic, affinity = (_tensor(x, tiles) for x in (scene.semantic, scene.affinity))
    with tf.device("cpu"):
        mask = tf.ones(affinity.shape[:2], tf.bool)

    def run(output_edges=False):
        outputs = library.graph_merge(
            semantic=[semantic],
            affinity=[affinity],
            mask=[mask],
            group=[0],
            num_threads=num_threads,
            output_edges=output_edges,
            **vars(options),
        )
        return type(outputs)._make(values[0] for values in outputs)

    return run


def run_suites(
    suites: Mapping[str, Callable[[Any], list[dict[str, Any]]]],
    chosen: Iterable[str],
    settings: Any,
    output_dir: str,
) -> dict[str, list[dict[str, Any]]]:
    """Runs suites, prints a table of each and writes <output_dir>/results.json.

    Args:
      suites: Functions from `settings` to the rows of a table, by name.
      chosen: Names of those to run; a name that comes twice runs once.
      settings: What the suites take.
      output_dir: Folder, made if needed.

    Returns:
      The rows of each suite.
    """
    results = {}
    for suite in dict.fromkeys(chosen):
        results[suite] = suites[suite](settings)
        print_table(suite, results[suite])
    path = os.path.join(output_dir, "results.json")
    files.write_json(path, results)
    print(f"\nwritten: {path}")
    return results


def _tensor(values: np.ndarray, tiles: int) -> Any:
    """Returns a tensor of copies of an array, [tiles * H, tiles * W, C], in memory of NumPy.

    The input of the other programs lies there, too. Linux gives NumPy huge pages, which are faster
    to read, but TensorFlow's own memory has small ones.
    """
    import tensorflow as tf  # Late, as elsewhere.

    height, width, channels = values.shape
    shape = tiles * height, tiles * width, channels
    size = math.prod(shape)
    alignment = _TENSOR_ALIGNMENT // values.itemsize
    space = np.empty(size + alignment, values.dtype)
    start = -(space.ctypes.data // values.itemsize) % alignment
    whole = space[start : start + size].reshape(shape)
    whole.reshape(tiles, height, tiles, width, channels)[:] = values[:, None]
    return tf.experimental.dlpack.from_dlpack(whole.__dlpack__())


def print_table(title: str, rows: Sequence[dict]) -> None:
    """Prints dictionaries with the same keys as a table."""
    texts = [
        {k: f"{v:.4g}" if isinstance(v, float) else str(v) for k, v in row.items()} for row in rows
    ]
    widths = {k: max(len(k), *(len(text[k]) for text in texts)) for k in texts[0]}
    print(f"\n{title}")
    print("  ".join(k.rjust(w) for k, w in widths.items()))
    for text in texts:
        print("  ".join(text[k].rjust(w) for k, w in widths.items()), flush=True)
