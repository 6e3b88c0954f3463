"""The model from which a training goes on: what its weights fix, and how it keeps what it knows."""

import os
import statistics
import tempfile
from collections.abc import Sequence
from typing import Any, NamedTuple

from affinity_seg import model_folder
from affinity_seg.configs import inference
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import replay, sampling
from affinity_seg.data.items import Item
from affinity_seg.evaluation import metrics
from affinity_seg.fitting import zooms
from affinity_seg.fitting.plan import Choice, Plan
from affinity_seg.labels import ClassTable
from affinity_seg.modeling import network_folder
from affinity_seg.pipeline import prediction_runs

_MEASURED = 8
"""Images on which the model is judged before the training, at most."""

_KNOWS = 0.5
"""Least AP50 of a model that is changed only a little."""

_REPLAYED_SHARE = 0.5
"""Share of what is trained on that are images of the model itself, if it has some."""

MOST_REPLAYED = 50
"""Number of these images at most."""


class Start(NamedTuple):
    """The model whose weights a training starts from.

    Attributes:
      name: As given.
      folder: Its folder.
      network_dir: Its network, one with both heads.
      preset: Its preset.
      class_table: Its classes.
    """

    name: str
    folder: str
    network_dir: str
    preset: InferenceConfig
    class_table: ClassTable

    def has_classes(self, class_names: tuple[str, ...]) -> bool:
        """Returns whether its head has these classes; a single one may have any name."""
        own = self.class_table.class_names
        return own == class_names or len(own) == len(class_names) == 2

    def encodes(self, class_table: ClassTable) -> bool:
        """Returns whether its records can be read with this table.

        A value that only this table calls void is void, then.
        """
        own = self.class_table
        return (
            self.has_classes(class_table.class_names)
            and own.encoding == class_table.encoding
            and (own.encoding == "ids" or own.label_ids == class_table.label_ids)
            and set(own.void_label_ids) <= set(class_table.void_label_ids)
            and own.stuff_label_ids == class_table.stuff_label_ids
        )


def read(name: str, choice: str = "start_from") -> Start:
    """Reads the model whose weights a training begins with.

    Args:
      name: Its name or folder.
      choice: The choice of the plan that names it.

    Raises:
      FileNotFoundError: There is no such model.
      ValueError: It has two networks instead of one with both heads.
    """
    model = model_folder.read(name, choice)
    if model.semantic_dir != model.affinity_dir:
        raise ValueError(
            f"`{choice}` must be a model of one network with both heads, as `fit` trains: {name}"
        )
    table = network_folder.read_class_table(model.semantic_dir)
    return Start(name, model.path, os.path.abspath(model.semantic_dir), model.config(), table)


def fixed_by(start: Start) -> dict[str, Any]:
    """Returns the choices that the weights and the preset of a start fix, by name."""
    task = network_folder.read_task(network_folder.params_dir(start.network_dir))
    preset = start.preset
    is_auto = preset.zoom == inference.AUTO_ZOOM
    scales = [1.0, preset.max_zoom if preset.regions else 1.25]
    if is_auto:
        scales = list(zooms.SCALES)
    return {
        "regions": preset.regions,
        "object_size": preset.object_size if is_auto else None,
        "min_zoom": preset.min_zoom,
        "max_zoom": preset.max_zoom,
        "scales": scales,
        "channels": task.model.num_channels,
        "contrast_percentiles": list(task.model.contrast_percentiles),
        "contrast_floor": task.model.contrast_floor,
        "decoder_stride": task.model.output_stride,
        "aspp_rates": list(task.model.aspp.rates),
        "distances": list(task.distances),
        "merge_window": preset.merge_window,
        "stages": list(preset.stages),
        "thresholds": list(preset.thresholds),
        "min_pixels": preset.min_pixels,
    }


_OF_THE_NETWORK = (
    "channels",
    "contrast_percentiles",
    "contrast_floor",
    "decoder_stride",
    "aspp_rates",
    "distances",
)
"""Choices of `fixed_by` that the weights fix. The others begin with those of the start."""


def check(start: Start, plan: Plan, class_table: ClassTable) -> None:
    """Checks that a plan fits the model that its training starts from.

    Raises:
      ValueError: It does not; the message names the choice.
    """
    fixed, chosen = fixed_by(start), plan.values_of()
    for name in _OF_THE_NETWORK:
        if chosen[name] != fixed[name]:
            raise ValueError(
                f"`{name}` must be {fixed[name]}, since the weights of {start.name} fit no other: "
                f"{chosen[name]}"
            )
    if plan.value("backbone") is not None:
        raise ValueError(
            f"`backbone` must be null, since all weights are those of {start.name}: "
            f"{plan.value('backbone')}"
        )
    if plan.value("keep_start") and not start.has_classes(class_table.class_names):
        raise ValueError(
            f"`keep_start` must be false, since the classes are not those of {start.name}, so "
            "that the head is fresh: true"
        )


def choose(start: Start, items: Sequence[Item], class_table: ClassTable) -> Plan:
    """Returns the choices `keep_start` and `replayed_share`.

    Args:
      start: The model.
      items: Images to train on.
      class_table: Their classes.
    """
    return Plan(
        keep_start=_keep_start(start, items, class_table),
        replayed_share=_replayed_share(start, class_table),
    )


def _keep_start(start: Start, items: Sequence[Item], class_table: ClassTable) -> Choice:
    """Returns the choice of how much a start is changed."""
    if not start.has_classes(class_table.class_names):
        return _changed(f"The classes are not those of {start.name}")
    chosen = sampling.spread(items, _MEASURED)
    score = _score(start, chosen, class_table)
    shown = "could not be measured" if score is None else f"is {score:.2f}"
    why = f"The mean AP50 of {start.name} on {len(chosen)} of these images {shown}"
    if score is not None and score < _KNOWS:
        return _changed(why)
    return Choice(True, f"{why}: it is changed a little, and keeps what it knows.")


def _changed(why: str) -> Choice:
    """Returns the choice for a start that is changed a lot."""
    return Choice(
        False,
        f"{why}: it learns these images as new ones, and forgets others that are not replayed.",
    )


def _replayed_share(start: Start, class_table: ClassTable) -> Choice:
    """Returns the choice of how much is replayed."""
    if not start.encodes(class_table):
        return Choice(0.0, f"Nothing is replayed: {_other_classes(start)}.")
    count = replay.count(start.folder)
    if not count:
        return Choice(0.0, f"Nothing is replayed: {start.name} has no images in its folder.")
    return Choice(
        _REPLAYED_SHARE,
        f"This share of what is trained on are images that {start.name} was trained on, so that "
        f"the network does not forget them: {min(count, MOST_REPLAYED)} of {count} in its folder.",
    )


def check_replay(start: Start, class_table: ClassTable) -> None:
    """Raises ValueError if the records of a start cannot be read with a class table."""
    if not start.encodes(class_table):
        raise ValueError(f"`replayed_share` must be 0, since {_other_classes(start)}")


def _other_classes(start: Start) -> str:
    """Returns in words why the records of a start cannot be read."""
    return f"the classes are not those of {start.name}, or have other values in its records"


def _score(start: Start, items: Sequence[Item], class_table: ClassTable) -> float | None:
    """Returns the mean of the images' AP50 of a model, None if no true instance counts.

    AP50 of all images together would be high if some of them are well known and others not at all.
    """
    with tempfile.TemporaryDirectory() as folder:
        results = os.path.join(folder, "results")
        prediction_runs.segment_images(
            items,
            start.preset,
            (start.network_dir, start.network_dir),
            os.path.join(folder, "predictions"),
            results,
            class_table,
        )
        scores = [metrics.main_scores([item], results, class_table)["ap50"] for item in items]
    known = [score for score in scores if score is not None]
    return statistics.fmean(known) if known else None
