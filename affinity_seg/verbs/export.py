r"""Exports the whole pipeline, from image to instances, as one SavedModel.

    affinity_seg export --model=runs/demo --output_dir=runs/demo/export

Writes <output_dir>/<version>, the layout of TensorFlow Serving. The graph holds both networks,
regions, zoom, flips, tiles, merge and filters. A program that loads it needs the op
(`import affinity_seg.ops`, or a server that has it compiled in). --kind=networks exports only the
networks, which return logits and need no op. docs/serving.md describes inputs and outputs.
"""

import os

from affinity_seg import cli, tool_flags
from affinity_seg.configs import choices


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    tool_flags.define_model_flags(values)
    tool_flags.define_output_flag(values, "Folder of the model's versions.")
    values.integer("version", 1, "Number of this version, the folder's name.", 1)
    what = "The whole pipeline, or the networks alone."
    values.enum("kind", "instances", choices.EXPORT_KINDS, what)
    values.string("model_name", "affinity_seg", "Name under which the model will be served.")
    values.bool("warmup", True, "Also write warm-up requests for TensorFlow Serving.")
    tool_flags.define_filter_flags(values)


def main(values: cli.Flags) -> None:
    """Runs the verb."""
    from affinity_seg.pipeline import prediction_runs
    from affinity_seg.serving import saved_model

    if values.kind == "networks":
        cli.refuse_given(
            values, ("min_score", "classes"), "kind 'networks' has no instances to filter"
        )
    folder = os.path.join(values.output_dir, str(values.version))
    instance_filter = tool_flags.class_filter(values)
    segmenter = prediction_runs.load_segmenter(
        tool_flags.config(values), *tool_flags.model(values).network_dirs, instance_filter
    )
    names = saved_model.write(
        segmenter,
        folder,
        kind=values.kind,
        model_name=values.model_name,
        warmup=values.warmup,
    )
    print(f"{folder}: {', '.join(names)}")
