"""Other programs that cluster affinities, from the graph that our op merges.

All start from the refined edges of windows, which our op prepares, in float32 and in the layout
they want: neither that preparation nor the conversion counts into their time.
"""

from typing import NamedTuple

import numpy as np

from affinity_seg import neighbors

_ONE = 65535.0


class WindowGraph(NamedTuple):
    """The graph of windows.

    Attributes:
      offsets: int [24, 2], (dy, dx) of each channel, in windows, by distance.
      values: float32 [24, rows, cols], in [0, 1]; 0 where there is no edge.
      exists: bool [24, rows, cols].
      foreground: bool [rows, cols], windows with an edge.
    """

    offsets: np.ndarray
    values: np.ndarray
    exists: np.ndarray
    foreground: np.ndarray


def window_graph(edges: np.ndarray, merged_distances: tuple[int, ...]) -> WindowGraph:
    """Converts the edges of `graph_merge`, int32 [rows, cols, 4 * M]."""
    offsets = np.array(
        [(d * dy, d * dx) for d in merged_distances for dy, dx in neighbors.DIRECTIONS[4:]]
    )
    planar = np.ascontiguousarray(edges.transpose(2, 0, 1))
    exists = planar >= 0
    foreground = exists.any(axis=0)
    for channel, (dy, dx) in enumerate(offsets):  # the other ends
        y, x = np.nonzero(exists[channel])
        foreground[y + dy, x + dx] = True
    return WindowGraph(
        offsets, (np.maximum(planar, 0) / _ONE).astype(np.float32), exists, foreground
    )


def mwatershed_affinities(graph: WindowGraph, bias: float = 0.5) -> np.ndarray:
    """Returns what `mwatershed.agglom` takes: affinity - bias, edges that are not there forbid."""
    return np.where(graph.exists, graph.values - bias, -bias).astype(np.float64)


def run_mwatershed(affinities: np.ndarray, graph: WindowGraph, strides: int = 1) -> np.ndarray:
    """Returns labels, int [rows, cols], of the mutex watershed on all 24 channels.

    Args:
      affinities: As of `mwatershed_affinities`.
      graph: The graph.
      strides: Edges of two or more windows are only read at every so many-th window.
    """
    import mwatershed

    # Offsets that are larger than the graph end the program.
    fits = (np.abs(graph.offsets) < graph.foreground.shape).all(axis=1)
    offsets = graph.offsets[fits]
    step = np.where(np.abs(offsets).max(axis=1) >= 2, strides, 1)
    return mwatershed.agglom(
        affinities[fits],
        [tuple(int(v) for v in offset) for offset in offsets],
        strides=[(int(s), int(s)) for s in step] if strides > 1 else None,
    ).astype(np.int64)


def run_mutex_watershed(graph: WindowGraph, strides: int = 4) -> np.ndarray:
    """Returns labels of bioimage-cpp's mutex watershed: distance 1 attracts, longer ones repel."""
    from bioimage_cpp import segmentation

    attractive = 4
    affinities = graph.values.copy()
    affinities[attractive:] = np.where(graph.exists[attractive:], 1 - affinities[attractive:], 0)
    return segmentation.mutex_watershed(
        affinities,
        [tuple(int(v) for v in offset) for offset in graph.offsets],
        attractive,
        strides=[strides, strides],
        mask=graph.foreground,
    ).astype(np.int64)


def run_staged_gasp(
    graph: WindowGraph,
    stage_channels: tuple[int, ...],
    thresholds: tuple[float, ...],
    linkage: str = "mean",
) -> np.ndarray:
    """Returns labels of bioimage-cpp's GASP, run once for every stage.

    Args:
      graph: The graph.
      stage_channels: How many channels each stage adds.
      thresholds: Of each stage: weights are values minus the threshold.
      linkage: How the edges between two clusters become one: "mean", or another of GASP's.
    """
    from bioimage_cpp import graph as bioimage_graph
    from bioimage_cpp.graph import agglomeration

    vertex = np.full(graph.foreground.shape, -1, np.int64)
    vertex[graph.foreground] = np.arange(np.count_nonzero(graph.foreground))
    labels = np.arange(np.count_nonzero(graph.foreground))
    num_clusters = len(labels)
    u = v = np.zeros(0, np.int64)
    sums, counts = np.zeros(0), np.zeros(0)
    first = 0
    for channels, threshold in zip(stage_channels, thresholds, strict=True):
        parts = [(u, v, sums, counts)]
        for channel in range(first, first + channels):
            y, x = np.nonzero(graph.exists[channel])
            dy, dx = graph.offsets[channel]
            values = graph.values[channel, y, x].astype(np.float64)
            ends = labels[vertex[y, x]], labels[vertex[y + dy, x + dx]]
            parts.append((*ends, values, np.ones(len(values))))
        first += channels
        u, v, sums, counts = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        u, v, sums, counts = _added_up(u, v, sums, counts, num_clusters)
        if not len(u):
            continue
        contracted = bioimage_graph.UndirectedGraph.from_unique_edges(
            num_clusters, np.stack([u, v], 1).astype(np.uint64)
        )
        merged = agglomeration.GaspClusterPolicy(linkage=linkage).optimize(
            contracted, sums / counts - threshold, edge_sizes=counts
        )
        merged = np.unique(merged, return_inverse=True)[1]
        labels, u, v = merged[labels], merged[u], merged[v]
        num_clusters = int(merged.max()) + 1
    result = np.zeros(vertex.shape, np.int64)
    result[graph.foreground] = labels + 1
    return result


def _added_up(u, v, sums, counts, num_clusters):
    """Adds up the edges between the same clusters and drops those inside one."""
    between = u != v
    low, high = np.minimum(u, v)[between], np.maximum(u, v)[between]
    keys, index = np.unique(low * num_clusters + high, return_inverse=True)
    return (
        keys // num_clusters,
        keys % num_clusters,
        np.bincount(index, sums[between], len(keys)),
        np.bincount(index, counts[between], len(keys)),
    )
