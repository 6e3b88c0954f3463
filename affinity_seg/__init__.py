"""Instance segmentation by pixel affinities and graph merge (Liu et al., ECCV 2018)."""

from affinity_seg.version import __version__

__all__ = ["__version__"]
