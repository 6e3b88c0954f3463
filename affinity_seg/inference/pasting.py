"""Instances of regions back into the full image (end of algorithm.md section 6)."""

from collections.abc import Sequence

import numpy as np

from affinity_seg import grids
from affinity_seg.inference.regions import Region
from affinity_seg.instances import Instances, number_instances


def paste(
    regions: Sequence[Region],
    results: Sequence[Instances],
    height: int,
    width: int,
    num_classes: int,
) -> Instances:
    """Pastes the instances of all regions into one image.

    Ids come back from the zoom by area and are cut to the grown region. Where instances of
    different regions meet, a pixel goes to the higher score, then to the lower region
    number. Sizes and boxes are counted anew; scores and votes stay those of the region.

    Args:
      regions: Regions in their order.
      results: Instances of each region in NumPy, at its zoomed size.
      height: Of the image, pixels.
      width: Of the image, pixels.
      num_classes: K.
    """
    indices = np.full((height, width), -1, np.int64)
    best = np.full((height, width), -1, np.float32)
    classes, scores, votes = [], [], []
    for region, result in zip(regions, results, strict=True):
        y0, x0, y1, x1 = region.box
        ids = grids.ids_by_area(result.instance_ids, y1 - y0, x1 - x0).numpy()
        score = np.concatenate([np.float32([-1]), result.scores])[ids]
        taken = (ids > 0) & region.mask & (score > best[y0:y1, x0:x1])
        indices[y0:y1, x0:x1][taken] = len(classes) + ids[taken] - 1
        best[y0:y1, x0:x1][taken] = score[taken]
        classes.extend(result.classes)
        scores.extend(result.scores)
        votes.extend(result.votes)
    return number_instances(
        indices,
        np.array(classes, np.int32),
        np.array(scores, np.float32),
        np.array(votes, np.int64).reshape(len(votes), num_classes),
    )
