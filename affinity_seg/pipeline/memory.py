"""Refuses pictures whose logits do not fit into the memory of the machine as a whole."""

import os

import tensorflow as tf

from affinity_seg.pipeline import regions as regions_lib
from affinity_seg.pipeline.segmenter import Segmenter


def check_whole(segmenter: Segmenter, size: tuple[int, int]) -> None:
    """Checks that the logits of a whole picture may fit into the memory.

    What is counted is little: the logits of a pass over the whole picture at `first_zoom`, in
    float32, twice, because tiles are added up. The networks need several times more.

    Args:
      segmenter: The pipeline.
      size: Height and width of the picture, pixels.

    Raises:
      ValueError: They surely do not fit.
    """
    config, networks, (height, width) = segmenter.config, (segmenter.semantic,), size
    if not config.regions:
        networks = segmenter.networks
        height, width = regions_lib.whole_zoomed_size(size, config, config.first_zoom)
    needed = sum(
        2
        * len(segmenter.flips(network))
        * network.num_outputs
        * (height // network.output_stride)
        * (width // network.output_stride)
        * tf.float32.size
        for network in networks
    )
    check_fits(needed, size)


def check_fits(needed: int, size: tuple[int, int]) -> None:
    """Checks that the logits of a picture may fit into the memory.

    Args:
      needed: The least that they take, bytes.
      size: Height and width of the picture, pixels.

    Raises:
      ValueError: They surely do not fit.
    """
    there = machine_bytes()
    if needed > there:
        raise ValueError(
            f"a picture of {size[0]}x{size[1]} pixels must fit into the memory as a whole: its "
            f"logits take at least {needed / 1e9:.1f} GB, and this machine has {there / 1e9:.1f} "
            "GB; `affinity_seg segment` without `--layout` segments pictures in parts if the "
            "preset has `regions: false`"
        )


def machine_bytes() -> int:
    """Returns the memory of the machine, bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
