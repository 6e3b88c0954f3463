"""What it would save to run the images of a batch through the network as one batch."""

from typing import Any

import numpy as np
import tensorflow as tf

from affinity_seg.pipeline import regions as regions_lib
from affinity_seg.pipeline.segmenter import Segmenter, crop, view
from benchmarks import measure

BATCHES = (1, 4, 8)
"""So many images at once; the last is how many there are."""


def measure_batches(
    segmenter: Segmenter, image: np.ndarray, repetitions: int
) -> list[dict[str, Any]]:
    """Times a network on `BATCHES[-1]` copies of an image, in batches of each size in turns.

    Only the first pass over images of one size can be one batch: the passes after it are over
    regions of interest, or at the zoom that each image needs, which have other sizes.

    Args:
      segmenter: The pipeline; of two networks its first one is timed.
      image: uint8 [H, W, C].
      repetitions: How many times each is timed; the median counts.

    Returns:
      For each size of a batch the network's input, milliseconds and milliseconds of CPU per image,
      memory in MB above what there was before, and the largest change of a logit from batches of 1.
    """
    config, (height, width) = segmenter.config, image.shape[:2]
    network, (pixels, *_) = segmenter.networks[0], segmenter.contrasts(tf.constant(image))
    padded = tf.constant([height, width])
    if config.regions:
        network = segmenter.semantic
    else:
        zoomed = regions_lib.whole_zoomed_size((height, width), config, config.first_zoom)
        padded = regions_lib.padded_size(tf.constant(zoomed), config)
        pixels = crop(pixels, tf.constant([0, 0, height, width]), zoomed)
    views = tf.stack([view(network, pixels, padded, False)] * BATCHES[-1])
    parts = {size: tf.split(views, BATCHES[-1] // size) for size in BATCHES}

    def run(size: int) -> np.ndarray:
        return np.concatenate([segmenter.run(network, part).numpy() for part in parts[size]])

    run(BATCHES[0])
    turns = measure.measure_in_turns(
        {str(size): lambda size=size: run(size) for size in BATCHES}, repetitions
    )
    alone = turns.measured[str(BATCHES[0])].result
    return [
        {
            "input": "x".join(map(str, views.shape[1:3])),
            "batch": size,
            "ms": 1000 * found.seconds / BATCHES[-1],
            "CPU ms": 1000 * found.cpu_seconds / BATCHES[-1],
            "MB": found.peak_bytes / 1e6,
            "change": float(np.abs(found.result - alone).max()),
        }
        for size, found in zip(BATCHES, turns.measured.values(), strict=True)
    ]
