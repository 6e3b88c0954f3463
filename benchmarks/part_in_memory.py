r"""Compares the instances of a large picture with those of its corner, segmented by itself.

    python -m benchmarks.large_pictures --output_dir=runs/benchmark_20000 --side=20000
    python -m benchmarks.part_in_memory --picture=runs/benchmark_20000/20000/20000.tif \
        --labels=runs/benchmark_20000/found/pictures/20000_labels.tif \
        --output_dir=runs/benchmark_20000

`affinity_seg segment` reads a large picture in windows and merges it in parts. Here its upper left
corner is cut out and segmented twice: in parts, and with networks and merge in one piece. The
program takes 6.8 GB for 1500x1500 pixels of 20000x20000, and more than 24 GB for 4000x4000, for
which swap space helps. The instances of the piece are looked for in the corner in parts, where all
of them should be, and in the large picture: how many are there with exactly the same pixels, and
how many with an IoU of at least 0.9. Writes part.json.

Contrast, the mean of the features, the zoom of `zoom: auto` and the tiles of the networks are those
of the picture that is segmented, so the large picture differs a little from its corner. Of it,
objects near the cut are left out.
"""

import os
from typing import Any

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
    values.integer("side", 1500, "Height and width of the corner, pixels.", 1)
    values.integer("margin", 256, "Objects nearer to the cut are left out, pixels.", 0)
    values.string("output_dir", "runs/benchmark_part", "Folder of part.json.")


def main(values: cli.Flags) -> None:
    """Runs the program."""
    import tensorflow as tf
    import tifffile

    from affinity_seg.data import picture_arrays
    from affinity_seg.data.windows import WindowedPicture
    from affinity_seg.pipeline import large, prediction_runs

    side = values.side
    corner = tifffile.imread(values.picture)[:side, :side]
    found = tifffile.imread(values.labels)[:side, :side]
    if found.shape != corner.shape:
        raise ValueError(
            f"`labels` must have the size of `picture`, here {corner.shape}: {found.shape}"
        )
    described = tool_flags.model(values)
    segmenter = prediction_runs.load_segmenter(tool_flags.config(values), *described.network_dirs)
    image = picture_arrays.from_array(corner)
    in_parts = large.segment(segmenter, WindowedPicture(image)).instances.whole().instance_ids
    in_one_piece = segmenter.segment(tf.constant(image)).as_numpy().instance_ids
    rows = [
        _row("the corner in parts", in_one_piece, in_parts, side),
        _row("the large picture", in_one_piece, found, side - values.margin),
    ]
    runs.print_table("the corner in one piece, and elsewhere", rows)
    path = os.path.join(values.output_dir, "part.json")
    files.write_json(path, rows)
    print(f"\nwritten: {path}")


def _row(name: str, wanted: np.ndarray, found: np.ndarray, inside: int) -> dict[str, Any]:
    """Returns how many of the wanted instances were found.

    Args:
      name: Where they were found.
      wanted: int [H, W], ids; 0 is the background.
      found: Likewise.
      inside: Only instances without a pixel below or to the right of this one count.
    """
    from affinity_seg.instances import overlaps

    # Only ids of the corner, in a row: those of the large picture would need a huge table.
    values = np.union1d(0, found)
    found = np.searchsorted(values, found)
    common, union = overlaps(wanted, found)
    ious = common / union
    here, there = (_inside(ids, inside) - 1 for ids in (wanted, found))
    best = ious.max(axis=1, initial=0)[here]
    return {
        "corner": "x".join(map(str, wanted.shape)),
        "compared with": name,
        "instances": len(best),
        "identical": round(float(np.mean(best == 1)), 4),
        f"IoU of at least {_IOU}": round(float(np.mean(best >= _IOU)), 4),
        "only there": int(np.sum(ious.max(axis=0, initial=0)[there] < _IOU)),
    }


def _inside(ids: np.ndarray, side: int) -> np.ndarray:
    """Returns the ids, in ascending order, that have no pixel below or to the right of `side`."""
    outside = np.concatenate([ids[side:].ravel(), ids[:side, side:].ravel()])
    return np.setdiff1d(ids, np.append(outside, 0))


if __name__ == "__main__":
    cli.start(__name__)
