"""Python face of the C++ op GraphMerge (paper 3.4, 4.2, 4.4, 4.5)."""

from collections.abc import Sequence
from typing import Any

from affinity_seg import labels, neighbors
from affinity_seg.ops.loader import load_library
from affinity_seg.ops.types import GraphMergeResult


def graph_merge(
    affinity: Any,
    semantic: Any,
    *,
    from_logits: bool = False,
    distances: Sequence[int] = neighbors.DISTANCES,
    stages: Sequence[int] = neighbors.STAGES,
    thresholds: Sequence[float] = (0.97, 0.7, 0.3),
    groups: Sequence[int] | None = None,
    alpha: float = 5.0,
    merge_window: int = 2,
    refine: bool = True,
    refine_classes: Sequence[int] = (),
    linkage: str = "average",
    min_pixels: int = 1024,
    mask: Any = None,
    group: Any = 0,
    return_edges: bool = False,
) -> Any:
    """Merges the pixel graph of one image into instances.

    Works eagerly and inside `tf.function`. Exact: the result is the same on every machine.

    Args:
      affinity: [H, W, 8 * len(distances)], float32, bfloat16 or float16: the affinity of
        each pixel with its neighbours, channels as in `affinity_seg.neighbors`.
        Probabilities, or logits if `from_logits`. Only read where there are vertices.
      semantic: [H, W, K], the same dtype: class probabilities (or logits), background first.
      from_logits: Whether both inputs are logits.
      distances: In pixels, strictly increasing; those above `merge_window` are multiples
        of it (3.3).
      stages: How many of the distances each stage adds (3.4).
      thresholds: Smallest edge that each stage merges, never increasing (3.4); read to
        six decimals.
      groups: Super-class of each class, 0 for the background (4.5). None: the paper's for
        K = 9, else a single group.
      alpha: Steepness of the refinement (4.2); read to six decimals.
      merge_window: Side of the local merge: 1, 2 or 4 pixels (4.4).
      refine: Whether semantics refine the edges (4.2).
      refine_classes: Classes of the semantic class refinement (5.3).
      linkage: "average": the mean of all edges between two clusters; "weighted": the mean
        of means of Algorithm 1 to the letter.
      min_pixels: Clusters of more pixels are instances.
      mask: bool [H, W]: a window with a pixel in it may be a vertex; None: everywhere.
      group: int or int32 scalar: super-class whose windows are the vertices, 0 for all.
      return_edges: Whether to return the integer graph as well.

    Returns:
      `GraphMergeResult`: instance_ids int32 [H, W], classes int32 [N], scores float32 [N],
      sizes int64 [N] in pixels, votes int64 [N, K] in pixels. With `return_edges` a pair of
      it and the graph that was merged, int32 [ceil(H / merge_window), ceil(W / merge_window),
      4 * M]: edges of M merged distances, ascending, each in the directions (0, 1), (1, -1),
      (1, 0), (1, 1), in units of 1/65535; -1 where there is no edge.

    Raises:
      tf.errors.InvalidArgumentError: An argument breaks its rule; the message names it.
      ValueError: A static shape does not fit, in a graph.
    """
    import tensorflow as tf  # Late: it takes seconds and most of the package does without.

    affinity = tf.convert_to_tensor(affinity)
    semantic = tf.convert_to_tensor(semantic)
    for name, value in (("affinity", affinity), ("semantic", semantic)):
        if (
            value.dtype not in (tf.float32, tf.float16, tf.bfloat16)
            or value.dtype != affinity.dtype
        ):
            raise tf.errors.InvalidArgumentError(
                None,
                None,
                "`affinity` and `semantic` must both be float32, float16 or bfloat16: "
                f"`{name}` is {value.dtype.name}",
            )
    if groups is None:
        num_classes = semantic.shape[-1] if semantic.shape.rank else None
        if num_classes is None:
            raise ValueError(
                "`groups` must be given where the number of classes is unknown: "
                f"`semantic` has shape {semantic.shape}"
            )
        groups = labels.default_groups(num_classes)
    if mask is None:
        mask = tf.zeros([0, 0], tf.bool)
    output = load_library().graph_merge(
        affinity=affinity,
        semantic=semantic,
        mask=mask,
        group=group,
        distances=list(distances),
        stages=list(stages),
        thresholds=list(thresholds),
        groups=list(groups),
        alpha=alpha,
        merge_window=merge_window,
        refine=refine,
        refine_classes=list(refine_classes),
        linkage=linkage,
        min_pixels=min_pixels,
        from_logits=from_logits,
        output_edges=return_edges,
    )
    result = GraphMergeResult(*output[: len(GraphMergeResult._fields)])
    return (result, output.edges) if return_edges else result
