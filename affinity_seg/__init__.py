"""Instance segmentation by pixel affinities and graph merge (Liu et al., ECCV 2018)."""

import importlib
from typing import Any

from affinity_seg.version import __version__

__all__ = ["Instances", "Model", "__version__", "draw", "load"]


def __getattr__(name: str) -> Any:
    """Returns a name of affinity_seg/model.py; only that loads TensorFlow."""
    if name in __all__:
        return getattr(importlib.import_module("affinity_seg.model"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Returns the names for completion in a shell, without those that are imported here."""
    return sorted(__all__)
