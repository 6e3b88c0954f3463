r"""Makes a model from a folder of images and masks: looks, plans, trains, tunes and judges.

    affinity_seg fit --input=my_data --output_dir=runs/my_model
    affinity_seg fit --input=my_data --output_dir=runs/my_model --minutes=5 --dry_run
    affinity_seg fit --input=corrected --output_dir=runs/better --start_from=nuclei --minutes=10

--input holds train/ and perhaps val/, each as layout `folder` reads it (docs/data.md), or is itself
such a folder. With --layout=cityscapes its splits train and val are read. Without --class_table all
objects are of one class, or of those that files of COCO, LabelMe or QuPath name.

All images are checked first: masks that look wrong, and images that cannot be used, end the run
before it trains. With --leave_out the latter are left out and listed.

plan.yaml in the output folder has every choice with its value and its reason. Edit it and run the
same command again: what depends on the change is done anew. --dry_run ends with the plan. A run
that was interrupted is continued by the same command.

The output folder is the folder of the model, for `segment`, `export` and `serve`. It also has
report.html with the worst cases, and scores.json. See docs/fit.md.
"""

import math
import os
import shlex

from affinity_seg import cli, tool_flags
from affinity_seg.data import layouts
from affinity_seg.rejected_inputs import EXIT_STATUS, FILE_NAME


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("input", None, "Folder of the images and masks.", required=True)
    what = "Layout of the files of --input, or of its train/ and val/, see docs/data.md."
    values.enum("layout", "folder", layouts.LABELLED_LAYOUTS, what)
    what = (
        "A table's name, see docs/data.md, or a YAML file; default: the classes that the truth "
        "names, or one class, `object`."
    )
    values.string("class_table", None, what)
    tool_flags.define_plane_flags(values)
    tool_flags.define_output_flag(values, "Folder of the model that is made.")
    what = "Minutes for everything; the number of training steps is chosen by them."
    values.float("minutes", 40.0, what)
    what = "Folder or name of a model of which this one is a continuation, such as nuclei."
    values.string("start_from", None, what)
    what = "Seed of the images that are held out, of the weights and of the crops."
    values.integer("seed", 1, what, 0)
    values.bool("dry_run", False, "End with the plan.")
    tool_flags.define_allow_flag(values)
    values.bool(
        "leave_out",
        False,
        f"Go on without images that cannot be used. They are listed in {FILE_NAME} of the output "
        f"folder, and the run ends with status {EXIT_STATUS}.",
    )


def main(values: cli.Flags) -> int:
    """Runs the verb."""
    if not (math.isfinite(values.minutes) and values.minutes > 0):
        raise ValueError(f"`--minutes` must be positive: {values.minutes:g}")
    allowed = tool_flags.allowed_mistakes(values)
    from affinity_seg.evaluation import tables
    from affinity_seg.fitting import preparing, stages

    same = ("input", "output_dir", "layout", "class_table", "minutes", "seed", "start_from")
    settings = {name: getattr(values, name) for name in same}
    fit = stages.Fit(
        preparing.Request(
            allowed=allowed,
            leave_out=values.leave_out,
            choice=tool_flags.plane_choice(values),
            **settings,
        )
    )
    fit.plan()
    if values.dry_run:
        return fit.data.rejected.finish()
    fit.train()
    fit.tune()
    scores, before = fit.judge()
    status = fit.data.rejected.finish()
    folder = values.output_dir
    print(f"\n{'':10}{'score':>7}" + ("   before" if before else ""))
    for name, score in scores.items():
        earlier = f"{tables.score(before[name]):>9}" if before else ""
        print(f"{name:10}{tables.score(score):>7}{earlier}")
    print(f"worst cases: {os.path.join(folder, stages.PAGE)}")
    print(f"this run took {fit.minutes():.1f} minutes\n")
    print("\n".join(_next_commands(values)))
    return status


def _next_commands(values: cli.Flags) -> list[str]:
    """Returns commands that use the model; pictures are read as those that it was made from."""
    model = f"--model={shlex.quote(values.output_dir)}"
    planes = " ".join(["", *tool_flags.plane_choice(values).flags()])
    return [
        f"affinity_seg segment --input=picture.png {model}{planes} --output_dir=runs/segmented",
        f"affinity_seg export {model} --output_dir=runs/exported",
        f"affinity_seg serve {model}",
    ]
