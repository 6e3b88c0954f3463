"""From probabilities to an undirected graph, in plain NumPy (paper 3.4, 4.2, 4.4).

The first half of the reference of the graph merge: probabilities become 16-bit
integers, windows become vertices, pixel pairs become the edges of the merged grid.
`reference_clusters.py` clusters this graph. Written to be held against the paper; the C++ op is
what runs.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from affinity_seg import neighbors
from affinity_seg.merge_options import MergeOptions

UNIT = 65535
"""Probabilities and edges are integers, multiples of 1 / UNIT."""

TOLERANCE = np.float32(1e-3)
"""How far a probability may leave [0, 1] before it is an error instead of clamped."""

FORWARD = range(neighbors.NUM_DIRECTIONS // 2, neighbors.NUM_DIRECTIONS)
"""Directions (0,1), (1,-1), (1,0), (1,1): each undirected pair is seen once."""


class MergedDistance(NamedTuple):
    """One distance of the merged grid.

    Attributes:
      distance: In windows.
      pixel_distances: Indices into `distances` of those that are averaged into it.
      stage: The stage of the merge that adds its edges.
    """

    distance: int
    pixel_distances: tuple[int, ...]
    stage: int


class Windows(NamedTuple):
    """The windows of the merged grid, H_m = ceil(H / window), W_m likewise.

    Attributes:
      is_vertex: bool [H_m, W_m].
      group: int64 [H_m, W_m], the winning super-class, 0 for background.
      group_probability: float64 [H_m, W_m, G], mean probability of the super-classes
        1..G, without background.
      winning_class: int64 [H_m, W_m], the winning foreground class, 1..K-1.
    """

    is_vertex: np.ndarray
    group: np.ndarray
    group_probability: np.ndarray
    winning_class: np.ndarray


def merged_distances(options: MergeOptions) -> list[MergedDistance]:
    """Returns the distances of the merged grid, ascending.

    Distances up to the window become 1 and belong to the stage of the largest of them;
    every other one is a multiple of the window and is divided by it.
    """
    distances, merge_window = options.distances, options.merge_window
    stage_of = np.repeat(np.arange(len(options.stages)), options.stages)
    near = tuple(i for i, d in enumerate(distances) if d <= merge_window)
    merged = [MergedDistance(1, near, int(stage_of[near[-1]]))] if near else []
    for i, d in enumerate(distances):
        if d > merge_window:
            merged.append(MergedDistance(d // merge_window, (i,), int(stage_of[i])))
    return merged


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Returns 1 / (1 + exp(-logits)) as float32."""
    logits = logits.astype(np.float32)
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1 / (1 + small), small / (1 + small)).astype(np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the softmax over the last axis as float32."""
    logits = logits.astype(np.float32)
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def quantize(probability: np.ndarray, name: str) -> np.ndarray:
    """Puts probabilities on the 16-bit grid (section 4.1 of the design, step 1).

    Args:
      probability: Any shape; values in [-1e-3, 1 + 1e-3] are clamped to [0, 1].
      name: Name of the argument for the message.

    Returns:
      int64, same shape, 0..65535: rint(float32(p) * 65535), ties to even.

    Raises:
      ValueError: A value is NaN or further out.
    """
    probability = probability.astype(np.float32)
    inside = (probability >= -TOLERANCE) & (probability <= 1 + TOLERANCE)
    if not inside.all():
        raise ValueError(f"`{name}` must be in [0, 1]: {probability[~inside][0]}")
    clamped = np.clip(probability, np.float32(0), np.float32(1))
    return np.rint(clamped * np.float32(UNIT)).astype(np.int64)


def group_sums(class_values: np.ndarray, groups: Sequence[int]) -> np.ndarray:
    """Sums the last axis [..., K] per super-class, [..., 1 + G]; 0 is background."""
    columns = [
        class_values[..., np.asarray(groups) == g].sum(axis=-1) for g in range(max(groups) + 1)
    ]
    return np.stack(columns, axis=-1)


def window_sums(values: np.ndarray, merge_window: int) -> np.ndarray:
    """Sums [H, W, ...] over windows, [H_m, W_m, ...]; border windows may be partial."""
    rows = np.add.reduceat(values, np.arange(0, values.shape[0], merge_window), axis=0)
    return np.add.reduceat(rows, np.arange(0, values.shape[1], merge_window), axis=1)


def find_windows(
    semantic: np.ndarray, options: MergeOptions, mask: np.ndarray | None, group: int
) -> Windows:
    """Finds the vertices and what the semantics say about them (paper 4.1, 4.4, 4.5).

    Args:
      semantic: int64 [H, W, K], from `quantize`.
      options: The options of the merge, with `groups`.
      mask: bool [H, W], true in the region, or None. A window is in the region if any of
        its pixels is.
      group: Super-class whose windows are vertices; 0: every foreground super-class.
    """
    merge_window = options.merge_window
    class_sums = window_sums(semantic, merge_window)
    pixels = window_sums(np.ones(semantic.shape[:2], np.int64), merge_window)
    sums = group_sums(class_sums, options.groups)
    winner = sums.argmax(axis=-1)  # The first of equals: the lower index.
    is_vertex = winner > 0 if group == 0 else winner == group
    if mask is not None:
        is_vertex = is_vertex & (window_sums(mask.astype(np.int64), merge_window) > 0)
    return Windows(
        is_vertex=is_vertex,
        group=winner,
        group_probability=sums[..., 1:] / (pixels[..., None] * float(UNIT)),
        winning_class=1 + class_sums[..., 1:].argmax(axis=-1),
    )


def spread(window_values: np.ndarray, merge_window: int, height: int, width: int) -> np.ndarray:
    """Gives every pixel the value of its window, [height, width]."""
    rows, columns = np.arange(height) // merge_window, np.arange(width) // merge_window
    return window_values[np.ix_(rows, columns)]


def find_edges(affinity: np.ndarray, windows: Windows, options: MergeOptions) -> np.ndarray:
    """Computes the edges of the merged grid before they are rounded (steps 2 to 5 of section 4).

    Args:
      affinity: int64 [H, W, 8 * len(options.distances)], from `quantize`.
      windows: From `find_windows`.
      options: The options of the merge.

    Returns:
      float64 [H_m, W_m, 4 * M], channel 4 * j + n is merged distance j, forward direction
      n; 0..65535, -1 where there is no edge.
    """
    h_m, w_m = windows.is_vertex.shape
    merged = merged_distances(options)
    edges = np.full((h_m, w_m, len(FORWARD) * len(merged)), -1.0)
    for j, step in enumerate(merged):
        total, count = _sum_pixel_pairs(
            affinity, options.distances, step, options.merge_window, (h_m, w_m)
        )
        for n, direction in enumerate(FORWARD):
            dy, dx = (step.distance * v for v in neighbors.DIRECTIONS[direction])
            y, x = np.nonzero(count[..., n])
            p, q = (y, x), (y + dy, x + dx)
            both = windows.is_vertex[p] & windows.is_vertex[q]
            p, q = (y[both], x[both]), (y[both] + dy, x[both] + dx)
            # Each pair has two probabilities: e = total / (2 * count).
            value = total[(*p, n)] / (2 * count[(*p, n)])
            if options.refine:
                product = windows.group_probability[p] * windows.group_probability[q]
                value = value * sigma(product.sum(axis=-1), options.alpha)
                value[windows.group[p] != windows.group[q]] = 0
            if j == len(merged) - 1 and options.refine_classes:
                chosen = np.isin(windows.winning_class[p], options.refine_classes)
                chosen &= np.isin(windows.winning_class[q], options.refine_classes)
                value = np.where(chosen, sigma(value / UNIT, options.alpha) * UNIT, value)
            edges[(*p, len(FORWARD) * j + n)] = value
    return edges


def round_edges(edges: np.ndarray) -> np.ndarray:
    """Returns edges rounded to int32, halves up (step 6 of section 4)."""
    return np.floor(edges + 0.5).astype(np.int32)


def sigma(x: np.ndarray, alpha: float) -> np.ndarray:
    """Returns 2 * (1 / (1 + exp(-alpha * x)) - 1 / 2) (paper 4.4)."""
    return 2 * (1 / (1 + np.exp(-alpha * x)) - 0.5)


def _sum_pixel_pairs(
    affinity: np.ndarray,
    distances: Sequence[int],
    step: MergedDistance,
    merge_window: int,
    grid: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Sums both probabilities of every pixel pair between two windows (paper 4.2, Fig. 5).

    Returns:
      total: int64 [H_m, W_m, 4], sum of both probabilities of the pairs between a window
        and the one `step.distance` further in each forward direction.
      count: int64 [H_m, W_m, 4], number of these pairs.
    """
    total = np.zeros((*grid, len(FORWARD)), np.int64)
    count = np.zeros_like(total)
    height, width = affinity.shape[:2]
    opposite = neighbors.opposite(distances)
    offsets = neighbors.offsets(distances)
    for i in step.pixel_distances:
        for direction in FORWARD:
            channel = neighbors.NUM_DIRECTIONS * i + direction
            dy, dx = offsets[channel]
            y, x = np.mgrid[0:height, 0:width].reshape(2, -1)
            inside = (y + dy < height) & (x + dx >= 0) & (x + dx < width)
            y, x = y[inside], x[inside]
            both = affinity[y, x, channel] + affinity[y + dy, x + dx, opposite[channel]]
            from_y, from_x = y // merge_window, x // merge_window
            to_y, to_x = (y + dy) // merge_window, (x + dx) // merge_window
            # A short pair may run to another neighbour than its own direction says, even
            # to one behind in raster order: the edge is kept at the earlier window.
            for n, forward in enumerate(FORWARD):
                wy, wx = (step.distance * v for v in neighbors.DIRECTIONS[forward])
                ahead = (to_y - from_y == wy) & (to_x - from_x == wx)
                behind = (to_y - from_y == -wy) & (to_x - from_x == -wx)
                np.add.at(total, (from_y[ahead], from_x[ahead], n), both[ahead])
                np.add.at(count, (from_y[ahead], from_x[ahead], n), 1)
                np.add.at(total, (to_y[behind], to_x[behind], n), both[behind])
                np.add.at(count, (to_y[behind], to_x[behind], n), 1)
    return total, count
