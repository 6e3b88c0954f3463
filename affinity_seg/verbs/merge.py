r"""Merges prediction records into instances and writes result files.

    affinity_seg merge --input=runs/demo/predictions --model=runs/demo \
        --output_dir=runs/demo/results

--input is the folder `predictions` that `affinity_seg segment` wrote. Fields of the preset that
concern only the merge may differ from those of the prediction, so that other merges need no new
run of the networks. --method=connected_components is the baseline without affinities.
Started again, it continues with the records that have no result or have changed since. Records
that cannot be merged are left out and listed, see docs/faults.md.
"""

from affinity_seg import cli, rejected_inputs, tool_flags
from affinity_seg.configs import choices


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("input", None, "Folder of the prediction records.", required=True)
    tool_flags.define_model_flags(values, required=False)
    methods = choices.MERGE_METHODS
    values.enum("method", methods[0], methods, "Method that makes the instances.")
    tool_flags.define_output_flag(values, "Folder for the results.")
    tool_flags.define_filter_flags(values)
    tool_flags.define_strict_flag(values)


def main(values: cli.Flags) -> int:
    """Runs the verb."""
    from affinity_seg.pipeline import merge_runs

    config, instance_filter = tool_flags.config(values), tool_flags.class_filter(values)
    rejected = rejected_inputs.RejectedInputs(values.output_dir, values.strict)
    count = merge_runs.merge_records(
        values.input, config, values.method, values.output_dir, instance_filter, rejected
    )
    print(f"{values.output_dir}: {count} images merged")
    return rejected.finish()
