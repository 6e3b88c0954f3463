"""Segments pictures: for each an overlay to look at and a JSON file with every instance.

    python tools/segment.py --input=street.png --output_dir=out
    python tools/segment.py --input=photos --checkpoint=runs/demo --output_dir=out

--input is a picture or a folder of pictures, and may be given several times. The default networks
are those that `make demo` trained. Of several pictures, one that cannot be used is listed in
dead_letters.json of the output folder and does not stop the others.
"""

from absl import flags
from tqdm import tqdm

from affinity_seg import cli, dead_letters, names, tool_flags
from affinity_seg.configs import inference
from affinity_seg.data import listing
from affinity_seg.export import segmentation
from affinity_seg.inference import filters, prediction_runs
from affinity_seg.inference.errors import errors_named
from affinity_seg.inference.images import read_image
from affinity_seg.inference.merging import GraphMerger, class_candidates

tool_flags.define_input_flag("A picture, or a folder of pictures.", "image", multi=True)
tool_flags.define_network_flags("runs/demo")
tool_flags.define_preset_flags("demo")
flags.DEFINE_string("output_dir", None, "Folder for the two files of each picture.", required=True)
filters.define_flags()
dead_letters.define_flag()
FLAGS = flags.FLAGS


def main():
    items = listing.list_pictures(FLAGS.input)
    config = inference.load_config(FLAGS.preset, FLAGS.override)
    predictor, class_table = prediction_runs.load_predictor(config, *tool_flags.network_dirs())
    instance_filter = filters.from_flags()
    instance_filter.check(class_table)
    merger = GraphMerger(config, class_table)
    letters = dead_letters.DeadLetters(FLAGS.output_dir, FLAGS.strict or len(items) == 1)
    for item in tqdm(items, desc="segment", unit="image", disable=len(items) == 1 or None):
        merged = None
        with letters.listed(item.name, item.image_path), errors_named(item.image_path):
            names.check_utf8(item.filename, item.image_path)
            image = read_image(item.image_path)
            merged = merger.merge(predictor.predict(image))
        if merged is None:
            continue
        instances = instance_filter.select_instances(merged, class_table)
        candidates = None
        if config.vote_min_ratio is not None:
            listed = class_candidates(instances, config)
            candidates = instance_filter.select_candidates(listed, class_table)
        paths = segmentation.write_segmentation(
            FLAGS.output_dir, item.name, image, instances, class_table, candidates
        )
        tqdm.write(f"{len(instances.classes)} instances: {paths[0]}, {paths[1]}")
    return letters.finish()


if __name__ == "__main__":
    cli.run(main)
