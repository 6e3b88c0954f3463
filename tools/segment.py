"""Segments one picture: an overlay to look at and a JSON file with every instance.

    python tools/segment.py --image=street.png --output_dir=out

The default networks are those that `make demo` trained.
"""

import os

from absl import flags

from affinity_seg import cli, tool_flags
from affinity_seg.configs import inference
from affinity_seg.export import segmentation
from affinity_seg.inference import filters, prediction_runs
from affinity_seg.inference.errors import errors_named
from affinity_seg.inference.images import read_image
from affinity_seg.inference.merging import GraphMerger, class_candidates

flags.DEFINE_string("image", None, "The picture, PNG or JPEG.")
tool_flags.define_network_flags("runs/demo/semantic", "runs/demo/affinity")
tool_flags.define_preset_flags("configs/presets/demo.yaml")
flags.DEFINE_string("output_dir", None, "Folder for the two files.")
filters.define_flags()
flags.mark_flags_as_required(["image", "output_dir"])
FLAGS = flags.FLAGS


def main():
    image = read_image(FLAGS.image)
    config = inference.load_config(FLAGS.preset, FLAGS.override)
    predictor, class_table = prediction_runs.load_predictor(
        config, FLAGS.semantic_dir, FLAGS.affinity_dir
    )
    instance_filter = filters.from_flags()
    instance_filter.check(class_table)
    with errors_named(FLAGS.image):
        merged = GraphMerger(config, class_table).merge(predictor.predict(image))
    instances = instance_filter.select_instances(merged, class_table)
    name = os.path.splitext(os.path.basename(FLAGS.image))[0]
    candidates = None
    if config.vote_min_ratio is not None:
        listed = class_candidates(instances, config)
        candidates = instance_filter.select_candidates(listed, class_table)
    paths = segmentation.write_segmentation(
        FLAGS.output_dir, name, image, instances, class_table, candidates
    )
    print(f"{len(instances.classes)} instances: {paths[0]}, {paths[1]}")


if __name__ == "__main__":
    cli.run(main)
