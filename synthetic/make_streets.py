"""Writes synthetic streets as a data set in the exact layout and encoding of Cityscapes.

    python -m synthetic.make_streets --output_dir=data_sets/streets --train=200 --val=50 --seed=1

The same arguments give the same files, also after an interruption; a folder with images of other
arguments is refused. Prints how many instances there are and how hard they are.
"""

from affinity_seg import cli


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("output_dir", None, "Folder of the data set.", required=True)
    values.integer("train", 0, "Images of the split train.", 0)
    values.integer("val", 0, "Images of the split val.", 0)
    values.integer("seed", 1, "Seed of every random choice.", 0)
    values.integer("height", 1024, "Height of the images, pixels.")
    values.integer("width", 2048, "Width of the images, pixels.")
    values.float(
        "zoom", 1.0, "Factor on the camera's focal length, 1 to 16: larger, fewer objects."
    )


def main(values: cli.Flags):
    """Runs the program."""
    from synthetic import streets

    statistics = streets.write_streets(
        values.output_dir,
        {"train": values.train, "val": values.val},
        seed=values.seed,
        height=values.height,
        width=values.width,
        zoom=values.zoom,
    )
    print(streets.describe(statistics))
    print(f"{values.output_dir}: {values.train} train and {values.val} val images")


if __name__ == "__main__":
    cli.start(__name__)
