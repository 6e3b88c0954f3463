r"""Draws the truth if there is one, what the networks said, and the instances of each image.

    python tools/visualize.py --predictions_dir=runs/demo/predictions \
        --results_dir=runs/demo/results --input=runs/demo/streets --output_dir=runs/demo/pictures

For each image six pictures: <name>_instances, _truth, _semantic, _affinity (boundary probability at
each distance), _directions (every channel in the largest region) and _sheet, all side by side.
Images that lack something or do not fit are left out and listed, see docs/faults.md.
"""

from absl import flags
from tqdm import tqdm

from affinity_seg import cli, dead_letters, files, tool_flags
from affinity_seg.data import listing
from affinity_seg.labels import load_class_table

flags.DEFINE_string("predictions_dir", None, "Folder that tools/predict.py wrote.")
flags.DEFINE_string("results_dir", None, "Folder that tools/merge.py wrote.")
tool_flags.define_data_flags()
tool_flags.define_class_table_flag()
flags.DEFINE_string("output_dir", None, "Folder for the pictures.")
flags.DEFINE_integer("max_images", None, "Draw only so many images, the first by name.", 1)
tool_flags.define_filter_flags()
dead_letters.define_flag()
flags.mark_flags_as_required(["predictions_dir", "results_dir", "output_dir"])
FLAGS = flags.FLAGS


def _draw(item, class_table, instance_filter):
    """Returns the pictures of one image by kind."""
    from affinity_seg.pipeline import outputs, records
    from affinity_seg.pipeline.errors import errors_named
    from affinity_seg.visualization import overlays, pictures

    found = outputs.read_outputs(item, FLAGS.predictions_dir, FLAGS.results_dir, class_table)
    instances = instance_filter.select_predictions(found.instances, class_table)
    height, width = found.image.shape[:2]
    with errors_named(records.record_path(FLAGS.predictions_dir, item.name)):
        return pictures.draw_pictures(
            item.name,
            found.image,
            found.prediction,
            overlays.paint(instances, height, width),
            found.truth,
            class_table,
        )


def main():
    from affinity_seg.visualization import pictures

    class_table = load_class_table(FLAGS.class_table)
    instance_filter = tool_flags.instance_filter()
    instance_filter.check(class_table)
    items = listing.list_images(FLAGS.input, FLAGS.layout, FLAGS.split)[: FLAGS.max_images]
    letters = dead_letters.DeadLetters(FLAGS.output_dir, FLAGS.strict)
    files.remove_leftovers(FLAGS.output_dir)
    for item in tqdm(items, desc="draw", unit="image", disable=None):
        with letters.listed(item.name, item.image_path):
            drawn = _draw(item, class_table, instance_filter)
        if item.name not in letters:
            pictures.write_pictures(FLAGS.output_dir, item.name, drawn)
    print(f"{FLAGS.output_dir}: pictures of {len(items) - len(letters)} images")
    return letters.finish()


if __name__ == "__main__":
    cli.run(main)
