"""Segments pictures: for each an overlay to look at and a JSON file with every instance.

    python tools/segment.py --input=street.png --output_dir=out
    python tools/segment.py --input=photos --model=runs/demo --output_dir=out

--input is a picture or a folder of pictures, and may be given several times. The default networks
are those that `make demo` trained. Of several pictures, one that cannot be used is listed in
dead_letters.json of the output folder and does not stop the others.
"""

from absl import flags
from tqdm import tqdm

from affinity_seg import cli, dead_letters, names, tool_flags
from affinity_seg.data import listing

tool_flags.define_input_flag("A picture, or a folder of pictures.", "image", multi=True)
tool_flags.define_model_flags("runs/demo")
flags.DEFINE_string("output_dir", None, "Folder for the two files of each picture.", required=True)
tool_flags.define_filter_flags()
dead_letters.define_flag()
FLAGS = flags.FLAGS


def main():
    from affinity_seg.data import pictures
    from affinity_seg.export import segmentation
    from affinity_seg.pipeline import prediction_runs
    from affinity_seg.pipeline.errors import errors_named
    from affinity_seg.pipeline.merging import class_candidates

    items = listing.list_pictures(FLAGS.input)
    config, instance_filter = tool_flags.config(), tool_flags.instance_filter()
    segmenter = prediction_runs.load_segmenter(
        config, *tool_flags.model().network_dirs, instance_filter
    )
    class_table = segmenter.class_table
    letters = dead_letters.DeadLetters(FLAGS.output_dir, FLAGS.strict or len(items) == 1)
    for item in tqdm(items, desc="segment", unit="image", disable=len(items) == 1 or None):
        instances = None
        with letters.listed(item.name, item.image_path), errors_named(item.image_path):
            names.check_utf8(item.filename, item.image_path)
            image = pictures.read(item.image_path)
            instances = segmenter.segment(image).as_numpy()
        if instances is None:
            continue
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
