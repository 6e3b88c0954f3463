r"""Compares the instances of a large picture with those of its corner, which is segmented whole.

    python -m benchmarks.large_pictures --output_dir=runs/benchmark_20000 --side=20000
    python -m benchmarks.part_in_memory --picture=runs/benchmark_20000/20000/20000.tif \
        --labels=runs/benchmark_20000/found/pictures/20000_labels.tif \
        --output_dir=runs/benchmark_20000

`affinity_seg segment` reads a large picture in windows and merges it in parts. Here its upper left
corner is cut out, and goes through networks and merge in one piece, which takes 12 GB for 2500x2500
pixels. Objects near the cut are left out, because there the corner is another picture. The others
are counted: how many the large picture has with exactly the same pixels, and how many with an IoU
of at least 0.9. Writes part.json.

Contrast, the mean of the features and the zoom of `zoom: auto` are those of the whole picture, and
so those of the corner differ a little.
"""

import os

import numpy as np

from affinity_seg import cli, files, tool_flags
from benchmarks import runs

_IOU = 0.9
"""Least IoU of instances that count as the same."""


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    tool_flags.define_model_flags(values, "nuclei")
    values.string("picture", None, "The large picture, a TIFF file.", required=True)
    values.string("labels", None, "Its instances, a TIFF file of ids.", required=True)
    values.integer("side", 2500, "Height and width of the corner, pixels.", 1)
    values.integer("margin", 256, "Objects nearer to the cut are left out, pixels.", 0)
    values.string("output_dir", "runs/benchmark_part", "Folder of part.json.")


def main(values: cli.Flags) -> None:
    """Runs the program."""
    import tensorflow as tf
    import tifffile

    from affinity_seg.data import picture_arrays
    from affinity_seg.pipeline import prediction_runs

    side = values.side
    corner = tifffile.imread(values.picture)[:side, :side]
    found = tifffile.imread(values.labels)[:side, :side]
    if found.shape != corner.shape:
        raise ValueError(
            f"`labels` must have the size of `picture`, here {corner.shape}: {found.shape}"
        )
    described = tool_flags.model(values)
    segmenter = prediction_runs.load_segmenter(tool_flags.config(values), *described.network_dirs)
    image = tf.constant(picture_arrays.from_array(corner))
    whole = segmenter.segment(image).as_numpy()
    inside = side - values.margin
    compared = _inside(whole.instance_ids, inside)
    row = {
        "corner": f"{side}x{side}",
        "instances": len(compared),
        **_same(whole.instance_ids, found, compared),
        "only in the large picture": len(_inside(found, inside)) - len(compared),
    }
    runs.print_table("the corner in one piece, and in the large picture", [row])
    path = os.path.join(values.output_dir, "part.json")
    files.write_json(path, row)
    print(f"\nwritten: {path}")


def _inside(ids: np.ndarray, side: int) -> np.ndarray:
    """Returns the ids, in ascending order, that have no pixel below or to the right of `side`."""
    outside = np.concatenate([ids[side:].ravel(), ids[:side, side:].ravel()])
    return np.setdiff1d(ids, np.append(outside, 0))


def _same(whole: np.ndarray, found: np.ndarray, compared: np.ndarray) -> dict[str, float]:
    """Returns the shares of instances that are the same in both maps.

    Args:
      whole: int [H, W], ids; 0 is the background.
      found: Likewise.
      compared: The ids of `whole` that count, int [N].
    """
    from affinity_seg.instances import overlaps

    # Only ids of the corner, in a row: those of the large picture would need a huge table.
    values = np.union1d(0, found)
    common, union = overlaps(whole, np.searchsorted(values, found))
    best = (common / union).max(axis=1, initial=0)[compared - 1]
    return {
        "identical": round(float(np.mean(best == 1)), 4),
        f"IoU of at least {_IOU}": round(float(np.mean(best >= _IOU)), 4),
    }


if __name__ == "__main__":
    cli.start(__name__)
