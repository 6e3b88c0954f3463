"""The second half of the graph merge's reference: from edges to clusters (paper 3.4)."""

import heapq
from collections.abc import Sequence

import numpy as np

from affinity_seg import neighbors
from affinity_seg.ops import reference_graph as graph


def list_edges(
    edges: np.ndarray, merged: Sequence[graph.MergedDistance]
) -> list[list[tuple[int, int, int]]]:
    """Lists the edges of each merged distance.

    Args:
      edges: int32 [H_m, W_m, 4 * M], see `reference.reference_edges`.
      merged: The merged distances, ascending.

    Returns:
      For each of `merged` its edges (u, v, e), vertices in raster order with u < v.
    """
    width = edges.shape[1]
    pairs = []
    for j, step in enumerate(merged):
        found = []
        for n, direction in enumerate(graph.FORWARD):
            dy, dx = (step.distance * v for v in neighbors.DIRECTIONS[direction])
            values = edges[..., len(graph.FORWARD) * j + n]
            y, x = np.nonzero(values >= 0)
            u, v = y * width + x, (y + dy) * width + x + dx
            found.extend(zip(u.tolist(), v.tolist(), values[y, x].tolist(), strict=True))
        pairs.append(found)
    return pairs


def cluster(
    num_vertices: int,
    edges_of_stage: Sequence[Sequence[tuple[int, int, int]]],
    thresholds: Sequence[int],
    linkage: str,
) -> np.ndarray:
    """Algorithm 1 of the paper, stage by stage.

    Args:
      num_vertices: Vertices are 0..num_vertices - 1, in raster order.
      edges_of_stage: For each stage, (u, v, e) with u < v and e in units of 1/65535.
      thresholds: For each stage, in units of 1e-6.
      linkage: "average" or "weighted".

    Returns:
      int64 [num_vertices], the id of each vertex's cluster: its largest vertex.
    """
    parent = list(range(num_vertices))  # Always towards a larger vertex of the cluster.

    def find(v):
        while parent[v] != v:
            parent[v] = parent[parent[v]]
            v = parent[v]
        return v

    adjacency: list[dict] = [{} for _ in range(num_vertices)]
    rule = _Average if linkage == "average" else _Weighted
    for edges, threshold in zip(edges_of_stage, thresholds, strict=True):
        added: dict[tuple[int, int], tuple[int, int]] = {}
        for u, v, e in edges:
            u, v = sorted((find(u), find(v)))
            if u != v:
                total, count = added.get((u, v), (0, 0))
                added[u, v] = (total + e, count + 1)
        for (u, v), (total, count) in added.items():
            value = rule.start(total, count)
            if v in adjacency[u]:
                value = rule.join(adjacency[u][v], value)
            adjacency[u][v] = adjacency[v][u] = value

        # Largest e first, then the smaller min(id), then the smaller max(id). An entry
        # whose edge has changed since is skipped: the change brought an entry of its own.
        heap = [
            (-rule.order(value), u, v)
            for u, others in enumerate(adjacency)
            for v, value in others.items()
            if u < v and rule.reaches(value, threshold)
        ]
        heapq.heapify(heap)
        while heap:
            order, u, v = heapq.heappop(heap)
            if v not in adjacency[u] or -rule.order(adjacency[u][v]) != order:
                continue
            parent[u] = v
            del adjacency[v][u]
            for k, value in adjacency[u].items():
                if k == v:
                    continue
                del adjacency[k][u]
                if k in adjacency[v]:
                    value = rule.join(adjacency[v][k], value)
                adjacency[v][k] = adjacency[k][v] = value
                if rule.reaches(value, threshold):
                    heapq.heappush(heap, (-rule.order(value), min(k, v), max(k, v)))
            adjacency[u] = {}
    return np.array([find(v) for v in range(num_vertices)], np.int64)


class _Average:
    """Mean over all edges between two clusters: (sum, count) of whole numbers."""

    @staticmethod
    def start(total, count):
        return (total, count)

    @staticmethod
    def join(a, b):
        return (a[0] + b[0], a[1] + b[1])

    @staticmethod
    def order(value):
        # Different fractions with counts below 2^32 differ by more than 2^-64, so the
        # whole part of their 2^65-fold orders them exactly and is equal for equal ones.
        return (value[0] << 65) // value[1]

    @staticmethod
    def reaches(value, threshold):
        return value[0] * 10**6 >= threshold * graph.UNIT * value[1]


class _Weighted:
    """The literal update of Algorithm 1: a mean of two values, whatever they stand for."""

    @staticmethod
    def start(total, count):
        return float(total) / float(count)

    @staticmethod
    def join(a, b):
        return (a + b) / 2

    @staticmethod
    def order(value):
        return value

    @staticmethod
    def reaches(value, threshold):
        return value * 1e6 >= float(threshold * graph.UNIT)
