r"""Checks that mirroring, tiles and half-precision records do not change the answer.

    python -m checks.invariance --input=runs/demo/streets/leftImg8bit/val/dornstadt \
        --preset=demo --model=runs/demo

Segments each picture of a folder in two ways and prints how far they agree:

    mirrored   the picture, and its mirror image mirrored back
    tiles      the picture beside itself mirrored, twice as wide, in tiles and in one piece
    float16    logits kept as float16 and as float32
"""

import numpy as np

from affinity_seg import cli, tool_flags
from affinity_seg.data import listing

KINDS = ("mirrored", "tiles", "float16")


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("input", None, "Folder of the pictures, PNG, JPEG or BMP.", required=True)
    values.multi_enum("check", KINDS, KINDS, "What to check.")
    tool_flags.define_model_flags(values)
    values.integer("max_images", None, "Check only so many pictures, the first by name.", 1)


def _compare(segmenter, kind, image):
    if kind == "mirrored":
        return segmenter.compare_mirrored(image)
    if kind == "float16":
        return segmenter.compare_logits_dtypes(image)
    return segmenter.compare_tiles(np.concatenate([image, image[:, ::-1]], axis=1))


def main(values: cli.Flags):
    """Runs the program."""
    from affinity_seg.data import pictures
    from affinity_seg.pipeline import prediction_runs
    from checks import comparisons

    config = tool_flags.config(values)
    items = listing.list_pictures([values.input])[: values.max_images]
    networks = prediction_runs.load_networks(config, *tool_flags.model(values).network_dirs)
    segmenter = comparisons.Segmenter(*networks, config)
    print(f"{'':10}{'same class':>12}{'far from cuts':>15}{'ARI':>10}{'found again':>14}  picture")
    for item in items:
        image = pictures.read(item.image_path)
        for kind in values.check:
            found = _compare(segmenter, kind, image)
            print(
                f"{kind:10}{found.same_classes:12.5f}{found.same_far_from_cuts:15.5f}"
                f"{found.rand_index:10.5f}{found.found:7d} of {found.instances:<4d}  "
                f"{item.filename}",
                flush=True,
            )


if __name__ == "__main__":
    cli.start(__name__)
