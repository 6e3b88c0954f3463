"""The values that `affinity_seg tune` tries for each part of a preset."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from affinity_seg import neighbors
from affinity_seg.configs import inference
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.merge_options import MAX_INT32, MERGE_WINDOWS, MergeOptions

ZOOM = "zoom"

_FIRST_THRESHOLDS = ((0.97, 0.7), (0.9, 0.6), (0.8, 0.5))
"""Thresholds of the first two of the paper's three stages; the first pair is the paper's."""

_LAST_THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)

_SCORES = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)

_SIZES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1, 3 / 2, 2, 3, 4, 8)
"""`min_pixels` as multiples of the preset's at the same zoom."""

_SMALL_OBJECT = 16
"""What takes the place of a `min_pixels` of 0 in these multiples, pixels of the image."""


class Setting(NamedTuple):
    """What the candidates depend on beside the current preset.

    Attributes:
      start: The preset that the search begins with.
      distances: Distances of the affinity network, pixels.
      zooms: Zooms to try, see `with_zoom`.
    """

    start: InferenceConfig
    distances: tuple[int, ...]
    zooms: tuple[float, ...] = ()


def of(part: str, current: InferenceConfig, setting: Setting) -> list[InferenceConfig]:
    """Returns the presets to try for one part of a preset.

    Args:
      part: `ZOOM` or one of `PARTS`.
      current: The preset, of which only this part changes. It is among those returned.
      setting: What else they depend on.

    Returns:
      The presets, in ascending order for `LINES`, otherwise the preferred ones first.
    """
    return list(dict.fromkeys(_CANDIDATES[part](current, setting)))


def shown(part: str, config: InferenceConfig) -> str:
    """Returns the value of a part of a preset for the table."""
    if part == ZOOM:
        return f"{zoom_of(config):g}"
    if part == "flips":
        flips = {"semantic": config.semantic_flip, "affinity": config.affinity_flip}
        return " and ".join(name for name, is_flipped in flips.items() if is_flipped) or "none"
    if part == "stages":
        return f"{list(config.stages)} at {shown('thresholds', config)}"
    if part == "thresholds":
        return "[" + ", ".join(f"{value:g}" for value in config.thresholds) + "]"
    return str(getattr(config, part))


def with_zoom(config: InferenceConfig, zoom: float) -> InferenceConfig:
    """Returns a preset with another largest zoom.

    If the preset has one zoom for all regions, the new one is for all as well. With a zoom that is
    estimated for each image, it is the `object_size` that changes. `min_pixels` is changed so that
    it stays the same size in the image.

    Args:
      config: The preset.
      zoom: The largest zoom; with `zoom` "auto" the diameter of the median object, zoomed pixels.

    Raises:
      ValueError: The value is out of range, or the preset does not zoom.
    """
    before = zoom_of(config)
    if zoom == before:
        return config
    if config.zoom == "none":
        raise ValueError(f"`zooms` must not be given with a preset without zoom: {zoom:g}")
    fields = {"min_pixels": _pixels(config.min_pixels * (zoom / before) ** 2)}
    if config.zoom == inference.AUTO_ZOOM:
        fields |= {"object_size": zoom}
    else:
        is_fixed = config.min_zoom == config.max_zoom
        fields |= {"min_zoom": zoom if is_fixed else min(config.min_zoom, zoom), "max_zoom": zoom}
    return inference.change(config, fields)


def zoom_of(config: InferenceConfig) -> float:
    """Returns what `with_zoom` changes: the largest zoom, or the objects' size."""
    return config.object_size if config.zoom == inference.AUTO_ZOOM else config.max_zoom


def windows(distances: Sequence[int]) -> list[int]:
    """Returns the merge windows that fit the distances of a network, the largest first."""
    found = []
    for window in reversed(MERGE_WINDOWS):
        try:
            MergeOptions(
                distances=tuple(distances),
                stages=(len(distances),),
                thresholds=(0.5,),
                merge_window=window,
            )
        except ValueError:
            continue
        found.append(window)
    return found


def _zooms(current: InferenceConfig, setting: Setting) -> list[InferenceConfig]:
    """Smaller zooms first, which take less time."""
    return [with_zoom(current, zoom) for zoom in sorted({zoom_of(current), *setting.zooms})]


def _stages(current: InferenceConfig, setting: Setting) -> list[InferenceConfig]:
    """One stage of all distances, the start's stages and the paper's, with the last threshold kept.

    The current ones first.
    """
    tried = [((len(setting.distances),), ()), (setting.start.stages, setting.start.thresholds[:-1])]
    if sum(neighbors.STAGES) == len(setting.distances):
        tried += [(neighbors.STAGES, first) for first in _FIRST_THRESHOLDS]
    last = current.thresholds[-1]
    return [
        current,
        *(
            inference.change(current, {"stages": stages, "thresholds": (*first, last)})
            for stages, first in tried
            if last <= min(first, default=1)
        ),
    ]


def _thresholds(current: InferenceConfig, setting: Setting) -> list[InferenceConfig]:
    """Other values of the last threshold, which decides how far instances grow."""
    del setting
    *first, last = current.thresholds
    return [
        inference.change(current, {"thresholds": (*first, value)})
        for value in sorted({last, *_LAST_THRESHOLDS})
        if value <= min(first, default=1)
    ]


def _min_pixels(current: InferenceConfig, setting: Setting) -> list[InferenceConfig]:
    """Multiples of the size that the start has, at the same zoom."""
    start = setting.start
    size = start.min_pixels or _SMALL_OBJECT * start.max_zoom**2
    size *= (zoom_of(current) / zoom_of(start)) ** 2
    # With a zoom by the objects' size, the median object must not be too small to count.
    largest = (
        math.ceil(current.object_area) - 1 if current.zoom == inference.AUTO_ZOOM else MAX_INT32
    )
    values = {current.min_pixels, *(_pixels(factor * size, largest) for factor in _SIZES)}
    return [inference.change(current, {"min_pixels": value}) for value in sorted(values)]


def _merge_windows(current: InferenceConfig, setting: Setting) -> list[InferenceConfig]:
    """Larger windows first, which take less time."""
    return [
        inference.change(current, {"merge_window": window}) for window in windows(setting.distances)
    ]


def _flips(current: InferenceConfig, setting: Setting) -> list[InferenceConfig]:
    """Fewer flips first, which take less time: a flip doubles that of its network."""
    del setting
    return [
        inference.change(current, {"semantic_flip": semantic, "affinity_flip": affinity})
        for semantic, affinity in ((False, False), (False, True), (True, False), (True, True))
    ]


def _min_scores(current: InferenceConfig, setting: Setting) -> list[InferenceConfig]:
    """First None, which keeps all instances."""
    del setting
    values = sorted({None, current.min_score, *_SCORES}, key=lambda value: value or 0.0)
    return [inference.change(current, {"min_score": value}) for value in values]


def _pixels(value: float, largest: int = MAX_INT32) -> int:
    return min(round(value), largest)


_CANDIDATES: dict[str, Callable[[InferenceConfig, Setting], list[InferenceConfig]]] = {
    ZOOM: _zooms,
    "merge_window": _merge_windows,
    "flips": _flips,
    "stages": _stages,
    "thresholds": _thresholds,
    "min_pixels": _min_pixels,
    "min_score": _min_scores,
}
"""In the order of the search. What changes the time of a merge comes first, so that the rest of the
search gains from it."""

PARTS = tuple(part for part in _CANDIDATES if part != ZOOM)
"""The parts of a preset that are tuned with the same predictions, in the order of the search."""

LINES = ("thresholds", "min_pixels", "min_score")
"""Parts whose values lie on a line, with better ones beside each other."""
