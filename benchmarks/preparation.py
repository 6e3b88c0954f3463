"""The graph of windows in NumPy, as fast as plain array operations make it.

What users of other programs have to do before these can start: average both directions, merge
windows of 2x2 pixels, refine by the semantics (paper 3.4, 4.2, 4.4). Float32, for images of even
height and width.
"""

import numpy as np

from affinity_seg import neighbors
from benchmarks.competitors import WindowGraph
from benchmarks.scenes import Scene

_ALPHA = 5.0
_FORWARD = range(4, 8)  # directions to later pixels


def prepare(scene: Scene, groups: tuple[int, ...]) -> WindowGraph:
    """Returns the refined graph for windows of 2x2.

    Args:
      scene: Probabilities; height and width are even.
      groups: Super-class of each class.
    """
    planar = np.ascontiguousarray(scene.affinity.transpose(2, 0, 1))
    sums, winner = _group_means(scene.semantic, groups)
    foreground = winner > 0
    offsets, values, exists = [], [], []
    for index, distance in enumerate(neighbors.DISTANCES):
        if distance == 1:  # Becomes part of the next one.
            continue
        for forward, n in enumerate(_FORWARD):
            dy, dx = (distance // 2 * step for step in neighbors.DIRECTIONS[n])
            edge = _blocks(_both_directions(planar, index, n)).sum(axis=(1, 3)) / 4
            if distance == 2:
                short, pairs = _short_edges(planar, forward)
                edge = (4 * edge + short) / (4 + pairs)
            other_sums, other_winner = _shifted(sums, dy, dx), _shifted(winner, dy, dx)
            similarity = (sums * other_sums).sum(axis=0)
            edge *= 2 / (1 + np.exp(-_ALPHA * similarity)) - 1
            edge[winner != other_winner] = 0
            exist = foreground & (other_winner > 0)
            offsets.append((dy, dx))
            values.append(np.where(exist, edge, 0))
            exists.append(exist)
    return WindowGraph(
        np.array(offsets), np.stack(values).astype(np.float32), np.stack(exists), foreground
    )


def _blocks(pixels: np.ndarray) -> np.ndarray:
    """Returns [rows, 2, columns, 2]."""
    height, width = pixels.shape
    return pixels.reshape(height // 2, 2, width // 2, 2)


def _shifted(values: np.ndarray, dy: int, dx: int) -> np.ndarray:
    """Returns the values at the other ends, 0 outside; the last two axes are rows and columns."""
    result = np.zeros_like(values)
    height, width = values.shape[-2:]
    y = slice(max(0, -dy), max(0, min(height, height - dy)))
    x = slice(max(0, -dx), max(0, min(width, width - dx)))
    result[..., y, x] = values[..., y.start + dy : y.stop + dy, x.start + dx : x.stop + dx]
    return result


def _both_directions(planar: np.ndarray, index: int, direction: int) -> np.ndarray:
    """Returns the mean affinity of pixel pairs, [H, W] at the earlier pixel."""
    dy, dx = (neighbors.DISTANCES[index] * step for step in neighbors.DIRECTIONS[direction])
    back = planar[8 * index + 7 - direction]
    return (planar[8 * index + direction] + _shifted(back, dy, dx)) / 2


def _short_edges(planar: np.ndarray, forward: int) -> tuple[np.ndarray, int]:
    """Returns the sums of distance-1 pairs between windows, [rows, columns], and their number."""
    target = neighbors.DIRECTIONS[_FORWARD[forward]]
    total, pairs = 0, 0
    for n in _FORWARD:
        pixel_pairs = _blocks(_both_directions(planar, 0, n))
        dy, dx = neighbors.DIRECTIONS[n]
        for y in range(2):
            for x in range(2):
                to = ((y + dy) // 2, (x + dx) // 2)
                pair = pixel_pairs[:, y, :, x]
                if to == target:
                    total = total + pair
                elif to == (-target[0], -target[1]):  # The later window comes first.
                    total = total + _shifted(pair, *target)
                else:
                    continue
                pairs += 1
    return total, pairs


def _group_means(semantic: np.ndarray, groups: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the foreground groups' means [groups, rows, columns] and the winning groups."""
    height, width, _ = semantic.shape
    windows = semantic.reshape(height // 2, 2, width // 2, 2, -1).sum(axis=(1, 3)) / 4
    means = np.stack(
        [windows[..., np.asarray(groups) == g].sum(axis=-1) for g in range(max(groups) + 1)]
    )
    return means[1:], means.argmax(axis=0)
