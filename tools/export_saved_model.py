r"""Exports both networks, and all that makes instances of what they say, as one SavedModel.

    python tools/export_saved_model.py --model=runs/demo --preset=demo \
        --output_dir=runs/demo/export

Writes <output_dir>/<version>, as TensorFlow Serving wants it: images in, instances out, with
regions, zoom, flips, tiles, merge and filters inside the graph. Whoever loads it needs the op
(`import affinity_seg.ops`, or a server that has it compiled in); --kind=networks gives the logits
only and needs none. docs/serving.md has inputs and outputs.
"""

import os

from absl import flags

from affinity_seg import cli, tool_flags
from affinity_seg.configs import choices

tool_flags.define_model_flags()
flags.DEFINE_string("output_dir", None, "Folder of the model's versions.", required=True)
flags.DEFINE_integer("version", 1, "Number of this version, the folder's name.", lower_bound=1)
flags.DEFINE_enum("kind", "instances", choices.EXPORT_KINDS, "All of it, or the networks alone.")
flags.DEFINE_string("model_name", "affinity_seg", "Name under which the model will be served.")
flags.DEFINE_bool("warmup", True, "Write warm-up requests for TensorFlow Serving along.")
tool_flags.define_filter_flags()
FLAGS = flags.FLAGS


def main():
    from affinity_seg.pipeline import prediction_runs
    from affinity_seg.serving import saved_model

    folder = os.path.join(FLAGS.output_dir, str(FLAGS.version))
    segmenter = prediction_runs.load_segmenter(
        tool_flags.config(), *tool_flags.model().network_dirs, tool_flags.instance_filter()
    )
    names = saved_model.write(
        segmenter,
        folder,
        kind=FLAGS.kind,
        model_name=FLAGS.model_name,
        warmup=FLAGS.warmup,
    )
    print(f"{folder}: {', '.join(names)}")


if __name__ == "__main__":
    cli.run(main)
