"""The graph merge in plain NumPy and Python, for comparison with the paper (3.4).

The C++ op must give exactly this: every comparison is one of whole numbers (paper's
linkage), and ties have a fixed order. Slow: for tests and for reading only.
`reference_graph.py` goes from probabilities to edges, `reference_clusters.py` from these to
clusters.

Places where the design leaves a choice, and what is done here:
  * With `refine=False` edges are neither scaled nor cut between super-classes.
  * Affinities are checked in all channels of the pixels of vertices, nowhere else.
  * Refinement is computed in doubles; the rounding to 1/65535 is exact without it.
  * `refine_classes` works on edges of the largest merged distance, with or without
    `refine`, where the classes of both ends are in the set (not necessarily the same).
  * `linkage="weighted"` holds values as doubles in units of 1/65535: a mean is
    `float(sum) / float(count)`, two values become `(a + b) / 2`, and
    `value * 1e6 >= T * 65535` is compared in doubles.
  * The score is `float32(sum / (65535.0 * count))`.
  * A pixel votes wherever its own winning super-class is not background, also if that
    is another one than `group`; it then votes for its best class of `group`.
"""

import numpy as np

from affinity_seg import neighbors
from affinity_seg.instances import Instances
from affinity_seg.merge_options import MergeOptions
from affinity_seg.ops import arguments
from affinity_seg.ops import reference_clusters as clusters_lib
from affinity_seg.ops import reference_graph as graph


def graph_merge_reference(
    semantic: np.ndarray,
    affinity: np.ndarray,
    options: MergeOptions = MergeOptions(),
    *,
    from_logits: bool = False,
    mask: np.ndarray | None = None,
    group: int = 0,
) -> Instances:
    """Finds the instances of an image from semantics and affinities.

    Args:
      semantic: Float [H, W, K], probabilities, or logits if `from_logits`.
      affinity: Float [H, W, 8 * len(options.distances)], likewise.
      options: The options of the merge.
      from_logits: Whether both inputs are logits of every pixel.
      mask: bool [H, W], true in the region of interest; None: everywhere.
      group: Super-class whose windows are vertices; 0: any.

    Returns:
      The instances, NumPy arrays.

    Raises:
      TypeError: An argument has the wrong type; the message names it.
      ValueError: An argument breaks its rule; the message names it.
    """
    given = {"from_logits": from_logits, "mask": mask, "group": group}
    edges = reference_edges(semantic, affinity, options, **given)
    return merge_edges_reference(edges, semantic, options, **given)


def reference_edges(
    semantic: np.ndarray,
    affinity: np.ndarray,
    options: MergeOptions = MergeOptions(),
    *,
    from_logits: bool = False,
    mask: np.ndarray | None = None,
    group: int = 0,
    rounded: bool = True,
) -> np.ndarray:
    """Computes the integer edges; arguments and errors as in `graph_merge_reference`.

    Returns:
      int32 [ceil(H / window), ceil(W / window), 4 * M]: channel 4 * j + n is the edge to
      the neighbour at merged distance j (ascending) in forward direction n, (0,1), (1,-1),
      (1,0), (1,1); 0..65535 in units of 1/65535, or -1 where one end is outside the merged
      grid or no vertex. Without `rounded`, float64 before the rounding.
    """
    arguments.check_given(affinity=affinity)
    options, units, windows = _find_windows(semantic, options, from_logits, mask, group)
    expected = (*semantic.shape[:2], neighbors.num_channels(options.distances))
    if affinity.shape != expected:
        raise ValueError(f"`affinity` must have shape {expected}: {affinity.shape}")
    read = graph.spread(windows.is_vertex, options.merge_window, *semantic.shape[:2])
    units = np.zeros(affinity.shape, np.int64)
    values = _finite(affinity[read], "affinity") if from_logits else affinity[read]
    values = graph.sigmoid(values) if from_logits else values
    units[read] = graph.quantize(values, "affinity")
    edges = graph.find_edges(units, windows, options)
    return graph.round_edges(edges) if rounded else edges


def merge_edges_reference(
    edges: np.ndarray,
    semantic: np.ndarray,
    options: MergeOptions = MergeOptions(),
    *,
    from_logits: bool = False,
    mask: np.ndarray | None = None,
    group: int = 0,
) -> Instances:
    """Clusters given integer edges; arguments and errors as in `graph_merge_reference`.

    Args:
      edges: int32, as from `reference_edges` or the op's own edges.
      semantic: As in `graph_merge_reference`; for vertices, sizes and votes.

    Returns:
      The instances, NumPy arrays.
    """
    options, units, windows = _find_windows(semantic, options, from_logits, mask, group)
    merged = graph.merged_distances(options)
    pairs = clusters_lib.list_edges(edges, merged)
    clusters = clusters_lib.cluster(
        windows.is_vertex.size,
        [
            [
                pair
                for pairs_j, step in zip(pairs, merged, strict=True)
                if step.stage == s
                for pair in pairs_j
            ]
            for s in range(len(options.stages))
        ],
        [int(np.floor(threshold * 1e6 + 0.5)) for threshold in options.thresholds],
        options.linkage,
    )
    cluster_of_window = np.where(windows.is_vertex, clusters.reshape(windows.is_vertex.shape), -1)
    cluster_map = graph.spread(cluster_of_window, options.merge_window, *semantic.shape[:2])
    all_pairs = [pair for pairs_j in pairs for pair in pairs_j]
    return _instances(cluster_map, clusters, all_pairs, units, options, group)


def _find_windows(semantic, options, from_logits, mask, group):
    """Checks the arguments and returns what both halves of the merge need.

    Returns:
      The options with `groups` filled in; the semantics on the 16-bit grid, int64 [H, W, K]; the
      windows.
    """
    arguments.check_given(semantic=semantic)
    arguments.check_class("options", options, MergeOptions)
    options = options.for_classes(arguments.num_classes(semantic.shape, rank=3))
    group = arguments.checked_group(group, options.groups)
    mask = _checked_mask(mask, semantic)
    if from_logits:
        semantic = graph.softmax(_finite(semantic, "semantic"))
    units = graph.quantize(semantic, "semantic")
    return options, units, graph.find_windows(units, options, mask, group)


def _instances(cluster_map, clusters, pairs, semantic, options, group):
    """Turns clusters into instances (section 6 of the design).

    Args:
      cluster_map: int64 [H, W], cluster id of each pixel, -1 where there is no vertex.
      clusters: int64 [H_m * W_m], cluster id of each window.
      pairs: (u, v, e) of every edge of the merged grid.
      semantic: int64 [H, W, K], in units.
      options: The options of the merge, with `groups`.
      group: Super-class of the region, 0: any.
    """
    groups = options.groups
    num_classes = len(groups)
    ids, first, sizes = np.unique(cluster_map, return_index=True, return_counts=True)
    kept = [i for i in np.argsort(first) if ids[i] >= 0 and sizes[i] > options.min_pixels]
    number = {int(ids[i]): n for n, i in enumerate(kept)}

    sums, counts = [0] * len(kept), [0] * len(kept)
    for u, v, e in pairs:
        if clusters[u] == clusters[v] and int(clusters[u]) in number:
            sums[number[int(clusters[u])]] += e
            counts[number[int(clusters[u])]] += 1

    candidates = np.array([c for c in range(1, num_classes) if group in (0, groups[c])])
    votes_of_pixel = graph.group_sums(semantic, groups).argmax(axis=-1) > 0
    best = candidates[semantic[..., candidates].argmax(axis=-1)]
    instance_ids = np.zeros(cluster_map.shape, np.int32)
    classes = np.zeros(len(kept), np.int32)
    boxes = np.zeros((len(kept), 4), np.int32)
    votes = np.zeros((len(kept), num_classes), np.int64)
    for n, i in enumerate(kept):
        inside = cluster_map == ids[i]
        instance_ids[inside] = n + 1
        y, x = np.nonzero(inside)
        boxes[n] = y.min(), x.min(), y.max() + 1, x.max() + 1
        votes[n] = np.bincount(best[inside & votes_of_pixel], minlength=num_classes)
        if votes[n].any():
            classes[n] = votes[n].argmax()
        else:  # As the design says; a window cannot win what none of its pixels wins.
            classes[n] = candidates[semantic[inside][:, candidates].sum(axis=0).argmax()]
    return Instances(
        instance_ids=instance_ids,
        classes=classes,
        scores=np.array(
            [s / (float(graph.UNIT) * c) if c else 0.0 for s, c in zip(sums, counts, strict=True)],
            np.float32,
        ),
        sizes=sizes[kept].astype(np.int64),
        boxes=boxes,
        votes=votes,
    )


def _checked_mask(mask, semantic):
    """Returns `mask` as an array if it is bool and as large as `semantic`."""
    if mask is None:
        return None
    mask = np.asarray(mask)
    arguments.check_mask_dtype(mask.dtype.name)
    size = semantic.shape[:2]
    if mask.shape != size:
        raise ValueError(f"`mask` must be as large as `semantic`, {size}: {mask.shape}")
    return mask


def _finite(logits, name):
    """Returns `logits` if none is NaN or infinite."""
    finite = np.isfinite(logits)
    if not finite.all():
        raise ValueError(f"`{name}` must be finite: {logits[~finite][0]}")
    return logits
