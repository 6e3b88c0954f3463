"""Lists the models that ship with the library, or shows the card of one.

    affinity_seg models
    affinity_seg models --name=nuclei

A shipped model can be used by its name: `affinity_seg segment --model=nuclei`, or in Python
`affinity_seg.load("nuclei")`. A folder that exists is taken before a shipped model of that name.
"""

from affinity_seg import cli, model_folder


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("name", None, "Name of the model whose card is shown.")


def main(values: cli.Flags) -> None:
    """Runs the verb."""
    known = model_folder.shipped()
    if values.name is None:
        print(
            "\n\n".join(_summary(*one) for one in known.items())
            if known
            else "There is no shipped model."
        )
        return
    if values.name not in known:
        raise ValueError(f"`--name` must be one of the models {list(known)}: {values.name}")
    print(model_folder.read_card(known[values.name]), end="")


def _summary(name, folder):
    """Returns the lines of one model: name and description, size, scores."""
    described = model_folder.read(folder)
    what = model_folder.heading(model_folder.read_card(described.path), described.path)
    lines = [f"{name}: {what}", f"  size: {model_folder.megabytes(described.path):.1f} MB"]
    for data, scores in described.scores.items():
        found = (f"{key} {score:.3f}" for key, score in scores.items() if score is not None)
        lines.append(f"  scores on {data}: {', '.join(found)}")
    return "\n".join(lines)
