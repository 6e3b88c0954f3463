"""The card of a model that ships: a text that was written by hand, then tables from its files."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import yaml

from affinity_seg import files, model_folder
from affinity_seg.evaluation import tables
from affinity_seg.model_folder import ModelFolder

_TRAINING = {
    "steps": ("trainer", "train_steps"),
    "images per step": ("task", "train_data", "global_batch_size"),
    "crop": ("task", "train_data", "crop_size"),
    "smallest scale": ("task", "train_data", "scale_min"),
    "largest scale": ("task", "train_data", "scale_max"),
    "seed": ("task", "train_data", "seed"),
}
"""What the card tells of the training: entries of params.yaml."""


class PackedNetwork(NamedTuple):
    """A network that was packed.

    Attributes:
      kind: Its kind, which is the name of its folder as well.
      params: Content of its params.yaml.
      num_weights: Number of its weights, including the statistics of BatchNorm.
      largest_logit: Largest absolute logit on the picture.
      largest_change: Largest change of a logit by half precision.
      mean_change: Mean absolute change of the logits.
    """

    kind: str
    params: dict[str, Any]
    num_weights: int
    largest_logit: float
    largest_change: float
    mean_change: float


def read_text(path: str) -> str:
    """Returns the text of the part that is written by hand.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: Its first line is not a heading, or it is not UTF-8.
    """
    text = files.read_text(path)
    model_folder.heading(text, path)
    return text


def complete(text: str, described: ModelFolder, packed: Sequence[PackedNetwork]) -> str:
    """Returns the whole card.

    Args:
      text: What is written by hand, Markdown.
      described: The packed model.
      packed: Its networks.
    """
    networks = [
        (
            one.kind,
            f"{one.num_weights:,}",
            f"{one.largest_logit:.1f}",
            f"{one.largest_change:.3f}",
            f"{one.mean_change:.4f}",
        )
        for one in packed
    ]
    heads = ("network", "weights", "largest logit", "largest change", "mean change")
    training = [
        (one.kind, *(_entry(one.params, path) for path in _TRAINING.values())) for one in packed
    ]
    names = list(dict.fromkeys(name for one in described.scores.values() for name in one))
    scores = [
        (data, *(tables.score(one.get(name)) for name in names))
        for data, one in described.scores.items()
    ]
    preset = described.preset
    if isinstance(preset, dict):
        preset = yaml.safe_dump(preset, sort_keys=False, default_flow_style=None)
        settings = f"The preset of this model:\n\n```yaml\n{preset}```"
    else:
        settings = f"Preset `{preset}`."
    parts = [
        text.rstrip(),
        "## Scores",
        "Of the model before it was packed, as `affinity_seg evaluate --model` stored them.",
        tables.markdown(("data set", *names), scores) if scores else "None.",
        "## Settings",
        settings,
        tables.markdown(("network", *_TRAINING), training),
        "## Weights",
        "For inference only, with kernels in half precision. The last columns: absolute logits of\n"
        "one picture, and their change by half precision.",
        tables.markdown(heads, networks),
        "`affinity_seg pack` wrote the sections Scores, Settings and Weights.",
    ]
    return "\n\n".join(parts) + "\n"


def _entry(params: dict, path: Sequence[str]) -> str:
    value = params
    for name in path:
        value = value[name]
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)
