"""Python face of the C++ op GraphMerge (paper 3.4, 4.2, 4.4, 4.5)."""

from collections.abc import Sequence
from typing import Any

from affinity_seg import neighbors
from affinity_seg.ops import arguments
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
    num_threads: int = 0,
) -> Any:
    """Merges the pixel graph of one image into instances.

    Works eagerly and inside `tf.function`. Exact: the result is the same on every machine and
    for every number of threads.

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
      num_threads: How many of TensorFlow's intra-op threads to use at most; 0: all.

    Returns:
      `GraphMergeResult`: instance_ids int32 [H, W], classes int32 [N], scores float32 [N],
      sizes int64 [N] in pixels, votes int64 [N, K] in pixels. With `return_edges` a pair of
      it and the graph that was merged, int32 [ceil(H / merge_window), ceil(W / merge_window),
      4 * M]: edges of M merged distances, ascending, each in the directions (0, 1), (1, -1),
      (1, 0), (1, 1), in units of 1/65535; -1 where there is no edge.

    Raises:
      TypeError: An argument has the wrong type; the message names it.
      tf.errors.InvalidArgumentError: An argument, or the shape, dtype or values of a tensor,
        breaks a rule; the message names it.
      ValueError: A static shape does not fit, while a graph is built.
    """
    import tensorflow as tf  # Late: it takes seconds and most of the package does without.

    arguments.check_given(affinity=affinity, semantic=semantic, group=group)
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
    try:
        options = arguments.checked_options(
            None if semantic.shape.rank is None else tuple(semantic.shape),
            from_logits=from_logits,
            distances=distances,
            stages=stages,
            thresholds=thresholds,
            groups=groups,
            alpha=alpha,
            merge_window=merge_window,
            refine=refine,
            refine_classes=refine_classes,
            linkage=linkage,
            min_pixels=min_pixels,
        )
        group = _group_tensor(group, options["groups"])
        num_threads = arguments.checked_num_threads(num_threads)
    except ValueError as error:
        raise tf.errors.InvalidArgumentError(None, None, str(error)) from error
    output = load_library().graph_merge(
        affinity=affinity,
        semantic=semantic,
        mask=_mask_tensor(mask, affinity),
        group=group,
        output_edges=arguments.checked_flag("return_edges", return_edges),
        num_threads=num_threads,
        **options,
    )
    result = GraphMergeResult(*output[: len(GraphMergeResult._fields)])
    return (result, output.edges) if return_edges else result


def _mask_tensor(mask, affinity):
    import tensorflow as tf

    if mask is None:
        return tf.ones(tf.shape(affinity)[:2], tf.bool)
    mask = tf.convert_to_tensor(mask)
    arguments.check_mask_dtype(mask.dtype.name)
    return mask


def _group_tensor(group, groups):
    import tensorflow as tf

    if not tf.is_tensor(group):
        return tf.constant(arguments.checked_group(group, groups), tf.int32)
    if group.dtype != tf.int32:
        raise TypeError(f"`group` must be int32 where it is a tensor: {group.dtype.name}")
    return group
