"""Python faces of the C++ op GraphMerge and of its kin (paper 3.4, 4.2, 4.4, 4.5)."""

import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

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
    image = _Image(affinity, semantic, mask, group)
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
    call = _Call("graph_merge", 3, {}, return_edges, num_threads)
    return _merge([image], call, options)[0]


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
    images = _listed(affinity, semantic, mask, group)
    call = _Call("graph_merge_batch", 3, {}, return_edges, num_threads)
    return _merge(images, call, options)


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
    image = _Image(affinity, semantic, mask, group)
    call = _Call("graph_merge_from_logits", 4, strides, return_edges, num_threads)
    return _merge([image], call, options)[0]


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
    images = _listed(affinity, semantic, mask, group)
    call = _Call("graph_merge_from_logits_batch", 4, strides, return_edges, num_threads)
    return _merge(images, call, options)


class _Image(NamedTuple):
    """The inputs of one image, as the user gave them."""

    affinity: Any
    semantic: Any
    mask: Any
    group: Any


class _Call(NamedTuple):
    """One of the ops, and what it is given beside images and options.

    Attributes:
      op: Its name; those that take lists end with "_batch".
      rank: Of the networks' outputs.
      strides: Pixels per logit by attribute.
      return_edges: As in `graph_merge`.
      num_threads: As in `graph_merge`.
    """

    op: str
    rank: int
    strides: dict[str, int]
    return_edges: bool
    num_threads: int


def _listed(affinity, semantic, mask, group) -> list[_Image]:
    """Returns the images of a batch."""
    affinity = _entries("affinity", affinity)
    size = len(affinity)
    if isinstance(group, numbers.Integral) or getattr(group, "shape", None) == ():
        group = [group] * size
    lists = {
        "affinity": affinity,
        "semantic": _entries("semantic", semantic),
        "mask": [None] * size if mask is None else _entries("mask", mask),
        "group": _entries("group", group),
    }
    for name, values in lists.items():
        if len(values) != size:
            raise ValueError(
                f"`{name}` must have one entry for each of `affinity`, {size}: {len(values)}"
            )
    return [_Image(*image) for image in zip(*lists.values(), strict=True)]


def _entries(name, values):
    try:
        return tuple(values)
    except TypeError:
        raise TypeError(f"`{name}` must be a list, one entry for each image: {values!r}") from None


def _merge(images: list[_Image], call: _Call, options: dict[str, Any]) -> list[Any]:
    """Calls the op and returns what it found in each image; errors as in `graph_merge`."""
    import tensorflow as tf  # Late: it takes seconds and most of the package does without.

    is_logits = call.rank == 4
    if is_logits and "from_logits" in options:
        raise TypeError("`from_logits` is not an argument here: these are logits")
    if not images:
        return []
    for image in images:
        arguments.check_given(affinity=image.affinity, semantic=image.semantic, group=image.group)
    images = [
        image._replace(
            affinity=tf.convert_to_tensor(image.affinity),
            semantic=tf.convert_to_tensor(image.semantic),
        )
        for image in images
    ]
    try:
        _check_dtypes(images)
        shape = images[0].semantic.shape
        checked = arguments.checked_options(
            None if shape.rank is None else tuple(shape), rank=call.rank, **options
        )
        groups = [_group_tensor(image.group, checked["groups"]) for image in images]
        checked["num_threads"] = arguments.checked_num_threads(call.num_threads)
        for name, stride in call.strides.items():
            checked[name] = arguments.checked_stride(name, stride)
    except ValueError as error:
        raise tf.errors.InvalidArgumentError(None, None, str(error)) from error
    if is_logits:
        del checked["from_logits"]
    inputs = {
        "affinity": [image.affinity for image in images],
        "semantic": [image.semantic for image in images],
        "mask": [_mask_tensor(image) for image in images],
        "group": groups,
    }
    is_batch = call.op.endswith("_batch")
    outputs = getattr(load_library(), call.op)(
        **{name: values if is_batch else values[0] for name, values in inputs.items()},
        output_edges=arguments.checked_flag("return_edges", call.return_edges),
        **checked,
    )
    found = []
    for index in range(len(images)):
        tensors = [output[index] if is_batch else output for output in outputs]
        result = GraphMergeResult(*tensors[: len(GraphMergeResult._fields)])
        found.append((result, tensors[len(result)]) if call.return_edges else result)
    return found


def _check_dtypes(images):
    import tensorflow as tf

    dtype = images[0].affinity.dtype
    for image in images:
        for name in ("affinity", "semantic"):
            value = getattr(image, name)
            if value.dtype not in (tf.float32, tf.float16, tf.bfloat16) or value.dtype != dtype:
                raise ValueError(
                    "`affinity` and `semantic` must all be float32, float16 or bfloat16: "
                    f"`{name}` is {value.dtype.name}"
                )


def _mask_tensor(image):
    import tensorflow as tf

    if image.mask is None:
        return tf.ones(tf.shape(image.affinity)[:2], tf.bool)
    mask = tf.convert_to_tensor(image.mask)
    arguments.check_mask_dtype(mask.dtype.name)
    return mask


def _group_tensor(group, groups):
    import tensorflow as tf

    if not tf.is_tensor(group):
        return tf.constant(arguments.checked_group(group, groups), tf.int32)
    if group.dtype != tf.int32:
        raise TypeError(f"`group` must be int32 where it is a tensor: {group.dtype.name}")
    return group
