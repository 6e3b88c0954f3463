"""Python faces of the C++ op GraphMerge and of its kin (paper 3.4, 4.2, 4.4, 4.5)."""

from collections.abc import Sequence
from typing import Any

from affinity_seg import neighbors
from affinity_seg.ops import arguments, calls


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
      return_edges: Whether to return the graph that was merged as well.
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
    image = calls.Image(affinity, semantic, mask, group)
    options = {
        "from_logits": from_logits,
        "distances": distances,
        "stages": stages,
        "thresholds": thresholds,
        "groups": groups,
        "alpha": alpha,
        "merge_window": merge_window,
        "refine": refine,
        "refine_classes": refine_classes,
        "linkage": linkage,
        "min_pixels": min_pixels,
    }
    call = calls.Call("graph_merge", 3, {}, return_edges, num_threads)
    return calls.merge([image], call, options)[0]


def graph_merge_batch(
    affinity: Sequence[Any],
    semantic: Sequence[Any],
    *,
    mask: Sequence[Any] | None = None,
    group: Sequence[Any] | int = 0,
    return_edges: bool = False,
    num_threads: int = 0,
    **options: Any,
) -> list[Any]:
    """Merges the pixel graphs of several images, or regions of images, of any sizes.

    They merge in parallel to each other and each of them in itself; the results are those of
    `graph_merge` for each.

    Args:
      affinity: As in `graph_merge`, of each image.
      semantic: Likewise, with the same classes.
      mask: Likewise, or None: everywhere.
      group: Likewise, or one for all.
      return_edges: As in `graph_merge`.
      num_threads: As in `graph_merge`, for all together.
      **options: All other arguments of `graph_merge`, the same for every image.

    Returns:
      A list of what `graph_merge` returns.

    Raises:
      As `graph_merge`; the message tells the image's position in the list.
    """
    images = calls.list_images(affinity, semantic, mask, group)
    call = calls.Call("graph_merge_batch", 3, {}, return_edges, num_threads)
    return calls.merge(images, call, options)


def graph_merge_from_logits(
    affinity: Any,
    semantic: Any,
    mask: Any,
    *,
    affinity_stride: int,
    semantic_stride: int,
    group: Any = 0,
    return_edges: bool = False,
    num_threads: int = 0,
    **options: Any,
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
      group: As in `graph_merge`.
      return_edges: As in `graph_merge`.
      num_threads: As in `graph_merge`.
      **options: The other arguments of `graph_merge`, from `distances` to `min_pixels`.

    Returns:
      As `graph_merge`.

    Raises:
      As `graph_merge`.
    """
    strides = {"affinity_stride": affinity_stride, "semantic_stride": semantic_stride}
    arguments.check_given(mask=mask)
    image = calls.Image(affinity, semantic, mask, group)
    call = calls.Call("graph_merge_from_logits", 4, strides, return_edges, num_threads)
    return calls.merge([image], call, options)[0]


def graph_merge_from_logits_batch(
    affinity: Sequence[Any],
    semantic: Sequence[Any],
    mask: Sequence[Any],
    *,
    affinity_stride: int,
    semantic_stride: int,
    group: Sequence[Any] | int = 0,
    return_edges: bool = False,
    num_threads: int = 0,
    **options: Any,
) -> list[Any]:
    """Merges the pixel graphs of several images or regions, from the logits of the networks.

    It is to `graph_merge_from_logits` what `graph_merge_batch` is to `graph_merge`.

    Args:
      affinity: As in `graph_merge_from_logits`, of each image.
      semantic: Likewise, with the same classes.
      mask: Likewise.
      affinity_stride: As in `graph_merge_from_logits`, of all images.
      semantic_stride: Likewise.
      group: As in `graph_merge`, of each image, or one for all.
      return_edges: As in `graph_merge`.
      num_threads: As in `graph_merge`, for all together.
      **options: The other arguments of `graph_merge`, from `distances` to `min_pixels`.

    Returns:
      A list of what `graph_merge` returns.

    Raises:
      As `graph_merge`; the message tells the image's position in the list.
    """
    strides = {"affinity_stride": affinity_stride, "semantic_stride": semantic_stride}
    arguments.check_given(mask=mask)
    images = calls.list_images(affinity, semantic, mask, group)
    call = calls.Call("graph_merge_from_logits_batch", 4, strides, return_edges, num_threads)
    return calls.merge(images, call, options)
