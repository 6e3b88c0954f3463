"""Writes synthetic streets as a data set in the exact layout and encoding of Cityscapes.

    python -m synthetic.make_streets --output_dir=data_sets/streets --train=200 --val=50 --seed=1

The same arguments give the same files, also after an interruption; a folder with images of other
arguments is refused. Prints how many instances there are and how hard they are.
"""

from absl import flags

from affinity_seg import cli

flags.DEFINE_string("output_dir", None, "Folder of the data set.")
flags.DEFINE_integer("train", 0, "Images of the split train.", lower_bound=0)
flags.DEFINE_integer("val", 0, "Images of the split val.", lower_bound=0)
flags.DEFINE_integer("seed", 1, "Seed of every random choice.", lower_bound=0)
flags.DEFINE_integer("height", 1024, "Height of the images, pixels.")
flags.DEFINE_integer("width", 2048, "Width of the images, pixels.")
flags.DEFINE_float(
    "zoom", 1.0, "Factor on the camera's focal length, 1 to 16: larger, fewer objects."
)
flags.mark_flag_as_required("output_dir")
FLAGS = flags.FLAGS


def main():
    from synthetic import streets

    statistics = streets.write_streets(
        FLAGS.output_dir,
        {"train": FLAGS.train, "val": FLAGS.val},
        seed=FLAGS.seed,
        height=FLAGS.height,
        width=FLAGS.width,
        zoom=FLAGS.zoom,
    )
    print(streets.describe(statistics))
    print(f"{FLAGS.output_dir}: {FLAGS.train} train and {FLAGS.val} val images")


if __name__ == "__main__":
    cli.run(main)
