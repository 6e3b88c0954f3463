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
    affinity, semantic = _network_tensors(affinity, semantic, group)
    options = _checked_options(
        semantic.shape,
        group,
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
        num_threads=num_threads,
    )
    output = load_library().graph_merge(
        affinity=affinity,
        semantic=semantic,
        mask=_mask_tensor(mask, affinity),
        output_edges=arguments.checked_flag("return_edges", return_edges),
        **options,
    )
    result = GraphMergeResult(*output[: len(GraphMergeResult._fields)])
    return (result, output.edges) if return_edges else result


def graph_merge_from_logits(
    affinity: Any,
    semantic: Any,
    mask: Any,
    *,
    affinity_stride: int,
    semantic_stride: int,
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
    group: Any = 0,
    return_edges: bool = False,
    num_threads: int = 0,
) -> Any:
    """Merges the pixel graph of one image, from the logits of the networks.

    The logits are upsampled, and the probabilities of both flips averaged, inside the op: no
    tensor of all channels at full resolution exists (algorithm.md 3.6, 4.1).

    Args:
      affinity: [F, h, w, 8 * len(distances)], float32, bfloat16 or float16: logits of the
        image and, if F is 2, of its mirror image.
      semantic: [F', h', w', K], the same dtype: logits, likewise.
      mask: bool [H, W], the image's size: a window with a pixel in it may be a vertex.
      affinity_stride: Pixels per logit: pixel y reads y / affinity_stride, linearly between
        neighbours and clamped at the bottom and right.
      semantic_stride: Likewise.
      distances: This and all other arguments are those of `graph_merge`.
      stages: See there.
      thresholds: See there.
      groups: See there.
      alpha: See there.
      merge_window: See there.
      refine: See there.
      refine_classes: See there.
      linkage: See there.
      min_pixels: See there.
      group: See there.
      return_edges: See there.
      num_threads: See there.

    Returns:
      As `graph_merge`.

    Raises:
      As `graph_merge`.
    """
    affinity, semantic = _network_tensors(affinity, semantic, group)
    options = _checked_options(
        semantic.shape,
        group,
        rank=4,
        from_logits=True,
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
        num_threads=num_threads,
        affinity_stride=affinity_stride,
        semantic_stride=semantic_stride,
    )
    arguments.check_given(mask=mask)
    del options["from_logits"]  # This op takes nothing else.
    output = load_library().graph_merge_from_logits(
        affinity=affinity,
        semantic=semantic,
        mask=_mask_tensor(mask, affinity),
        output_edges=arguments.checked_flag("return_edges", return_edges),
        **options,
    )
    result = GraphMergeResult(*output[: len(GraphMergeResult._fields)])
    return (result, output.edges) if return_edges else result


def _network_tensors(affinity, semantic, group):
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
    return affinity, semantic


def _checked_options(semantic_shape, group, *, rank=3, num_threads, **options):
    """Returns the attributes of the op and its input `group`; errors as in `graph_merge`."""
    import tensorflow as tf

    strides = {name: options.pop(name) for name in list(options) if name.endswith("_stride")}
    try:
        checked = arguments.checked_options(
            None if semantic_shape.rank is None else tuple(semantic_shape), rank=rank, **options
        )
        checked["group"] = _group_tensor(group, checked["groups"])
        checked["num_threads"] = arguments.checked_num_threads(num_threads)
        for name, stride in strides.items():
            checked[name] = arguments.checked_stride(name, stride)
    except ValueError as error:
        raise tf.errors.InvalidArgumentError(None, None, str(error)) from error
    return checked


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
