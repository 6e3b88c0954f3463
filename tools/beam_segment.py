"""Segments a whole data set on Apache Beam: images, networks, merge, results, AP, COCO files.

    python tools/beam_segment.py --input=runs/demo/streets --preset=demo \
        --model=runs/demo --output_dir=runs/demo/beam --evaluate --direct_num_workers=2

Writes what tools/predict.py and tools/merge.py write, into predictions/ and results/ of
--output_dir; with --model_dir an exported model segments, and there are no predictions. Started
again, it does what is missing. Without --runner it runs on this machine, in this process or in
--direct_num_workers; all flags of Beam's pipeline options are taken, see docs/beam.md.
"""

from absl import flags

from affinity_seg import cli, dead_letters, tool_flags
from affinity_seg.data import listing
from affinity_seg.evaluation import tables

flags.DEFINE_string("input", None, "Folder of the data set, or a pattern.", required=True)
flags.DEFINE_enum("layout", "cityscapes", listing.SOURCE_LAYOUTS, "How the data set's files lie.")
flags.DEFINE_string("split", "val", "Part of the data set, for layout cityscapes.")
flags.DEFINE_string("model_dir", None, "Exported model, instead of the two networks.")
tool_flags.define_model_flags(required=False)
tool_flags.define_filter_flags()
flags.DEFINE_string("output_dir", None, "Folder that all workers see.", required=True)
flags.DEFINE_bool("evaluate", False, "Write AP to scores.json.")
flags.DEFINE_bool("coco", False, "Write COCO files to coco/.")
flags.DEFINE_integer("threads", 0, "TensorFlow's threads per process; 0: as cores.", lower_bound=0)
dead_letters.define_flag()
FLAGS = flags.FLAGS

_IN_THE_MODEL = ("model", "preset", "override", "min_score", "classes")


def _wanted():
    """Returns the `Segmentation` that the flags describe."""
    from affinity_seg.beam.segmentation import Segmentation

    names = ("input", "output_dir", "layout", "split", "evaluate", "coco", "strict", "threads")
    settings = {name: getattr(FLAGS, name) for name in names}
    if FLAGS.model_dir is None:
        return Segmentation(
            **settings,
            network_dirs=tool_flags.model().network_dirs,
            config=tool_flags.config(),
            instance_filter=tool_flags.instance_filter(),
        )
    given = [name for name in _IN_THE_MODEL if FLAGS[name].present]
    if given:
        raise ValueError(f"`model_dir` has networks, preset and filters in it; without it: {given}")
    return Segmentation(**settings, exported_dir=FLAGS.model_dir)


def main(arguments):
    from affinity_seg.beam import running, segmenting

    summary = segmenting.segment(_wanted(), running.parse_options(arguments))
    print(
        f"{FLAGS.output_dir}: {summary.predicted} images predicted, {summary.merged} merged, "
        f"{summary.done_before} were there already"
    )
    if summary.scores:
        print("\n" + tables.main_table(summary.scores) + "\n")
    return dead_letters.report(FLAGS.output_dir)


if __name__ == "__main__":
    cli.run(main, pass_arguments=True)
