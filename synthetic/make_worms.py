"""Writes synthetic worms, long, thin and crossing, with their instances in layout `folder`.

    python -m synthetic.make_worms --output_dir=data_sets/worms --train=60 --val=20 --seed=1

The same arguments give the same files; a folder with images of other arguments is refused. Prints
how many worms there are, and how many touch another one or are cut into parts by it.
"""

from affinity_seg import cli


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("output_dir", None, "Folder of the data set.", required=True)
    values.integer("train", 0, "Images of the part train.", 0)
    values.integer("val", 0, "Images of the part val.", 0)
    values.integer("seed", 1, "Seed of every random choice.", 0)
    values.integer("side", 256, "Height and width of the images, pixels.")


def main(values: cli.Flags):
    """Runs the program."""
    from synthetic import worms

    counts = {"train": values.train, "val": values.val}
    found = worms.write_worms(values.output_dir, counts, seed=values.seed, side=values.side)
    print(
        f"{values.output_dir}: {values.train} train and {values.val} val images, {found.worms} "
        f"worms, of which {found.touching} touch another one and {found.in_parts} are in parts"
    )


if __name__ == "__main__":
    cli.start(__name__)
