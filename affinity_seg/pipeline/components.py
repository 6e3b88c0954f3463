"""The baseline without affinities: connected components of the semantic prediction."""

import cv2
import numpy as np

from affinity_seg import instances as instances_lib
from affinity_seg.instances import Instances


def connected_components(probabilities: np.ndarray, min_pixels: int) -> Instances:
    """Makes every 8-connected component of pixels of one class an instance.

    Args:
      probabilities: float32 [H, W, K], semantic probabilities of the full image.
      min_pixels: Components must have more pixels than this, counted in the image.

    Returns:
      The instances; a score is the mean probability of the class over the component, the
      votes are its pixels.
    """
    num_classes = probabilities.shape[-1]
    winner = probabilities.argmax(axis=-1)
    indices = np.full(winner.shape, -1, np.int64)
    classes, scores, votes = [], [], []
    for index in range(1, num_classes):
        mask = winner == index
        _, component, stats, _ = cv2.connectedComponentsWithStats(
            mask.astype(np.uint8), connectivity=8
        )
        sizes = stats[:, cv2.CC_STAT_AREA]
        sums = np.bincount(
            component.ravel(), probabilities[..., index].ravel(), minlength=len(sizes)
        )
        for c in range(1, len(sizes)):
            if sizes[c] > min_pixels:
                indices[component == c] = len(classes)
                classes.append(index)
                scores.append(sums[c] / sizes[c])
                votes.append(np.eye(num_classes, dtype=np.int64)[index] * sizes[c])
    found = instances_lib.number(
        indices,
        np.array(classes, np.int32),
        np.array(scores, np.float32),
        np.array(votes, np.int64).reshape(len(votes), num_classes),
    )
    return found.as_numpy()
