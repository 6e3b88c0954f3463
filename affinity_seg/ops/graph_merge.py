"""The graph merge in TensorFlow: the C++ ops GraphMerge and GraphMergeFromLogits (paper 3.4, 4).

Both ops take lists of images. The functions of one image call them with a list of one.
"""

from collections.abc import Sequence
from typing import Any

from affinity_seg.instances import Instances
from affinity_seg.merge_options import MergeOptions
from affinity_seg.ops import arguments
from affinity_seg.ops.loader import load_library


def graph_merge(
    semantic: Any,
    affinity: Any,
    options: MergeOptions = MergeOptions(),
    *,
    mask: Any = None,
    group: Any = 0,
    num_threads: int = 0,
) -> Instances:
    """Merges the pixel graph of one image into instances.

    Works eagerly and inside `tf.function`. Exact: the result is the same on every machine and
    for every number of threads.

    Args:
      semantic: [H, W, K], float32, bfloat16 or float16: class probabilities, background first.
      affinity: [H, W, 8 * len(options.distances)], the same dtype: the affinity of each pixel with
        its neighbours, probabilities, channels as in `affinity_seg.neighbors`. Only read where
        there are vertices.
      options: The options of the merge.
      mask: bool [H, W]: a window with a pixel in it may be a vertex; None: everywhere.
      group: int or int32 scalar: super-class whose windows are the vertices, 0 for all.
      num_threads: How many of TensorFlow's intra-op threads to use at most; 0: all.

    Returns:
      The instances, tensors.

    Raises:
      TypeError: An argument has the wrong type; the message names it.
      ValueError: An argument breaks a rule, or a static shape does not fit while a graph is built;
        the message names the argument.
      tf.errors.InvalidArgumentError: The shape or the values of a tensor break a rule; the message
        names it.
    """
    images = graph_merge_batch(
        [semantic], [affinity], options, mask=[mask], group=[group], num_threads=num_threads
    )
    return images[0]


def graph_merge_batch(
    semantic: Sequence[Any],
    affinity: Sequence[Any],
    options: MergeOptions = MergeOptions(),
    *,
    mask: Sequence[Any] | None = None,
    group: Sequence[Any] | int = 0,
    num_threads: int = 0,
) -> list[Instances]:
    """Merges the pixel graphs of several images, or regions of images, of any sizes.

    They merge in parallel to each other and each of them in itself; the results are those of
    `graph_merge` for each.

    Args:
      semantic: As in `graph_merge`, of each image.
      affinity: Likewise.
      options: The options of the merge, for all images.
      mask: As in `graph_merge`, of each image, or None: everywhere.
      group: Likewise, or one for all.
      num_threads: As in `graph_merge`, for all together.

    Returns:
      The instances of each image.

    Raises:
      As `graph_merge`; errors of tensors tell the image's position in the list.
    """
    found = _run(semantic, affinity, options, mask, group, num_threads)
    return [_instances(outputs) for outputs in found]


def graph_merge_from_logits(
    semantic: Any,
    affinity: Any,
    mask: Any,
    options: MergeOptions = MergeOptions(),
    *,
    semantic_stride: int,
    affinity_stride: int,
    group: Any = 0,
    num_threads: int = 0,
) -> Instances:
    """Merges the pixel graph of one image, from the logits of the networks.

    The logits are upsampled, and the probabilities of both flips averaged, inside the op: no
    tensor of all channels at full resolution exists (algorithm.md 3.6, 4.1).

    Args:
      semantic: [F, h, w, K], float32, bfloat16 or float16: logits of the image and, if F is 2, of
        its mirror image.
      affinity: [F', h', w', 8 * len(options.distances)], the same dtype: logits, likewise.
      mask: bool [H, W], the image's size: a window with a pixel in it may be a vertex.
      options: The options of the merge.
      semantic_stride: Pixels per logit: pixel y reads y / semantic_stride, linearly between
        neighbours and clamped at the bottom and right.
      affinity_stride: Likewise.
      group: As in `graph_merge`.
      num_threads: As in `graph_merge`.

    Returns:
      The instances, tensors.

    Raises:
      As `graph_merge`.
    """
    images = graph_merge_from_logits_batch(
        [semantic],
        [affinity],
        [mask],
        options,
        semantic_stride=semantic_stride,
        affinity_stride=affinity_stride,
        group=[group],
        num_threads=num_threads,
    )
    return images[0]


def graph_merge_from_logits_batch(
    semantic: Sequence[Any],
    affinity: Sequence[Any],
    mask: Sequence[Any],
    options: MergeOptions = MergeOptions(),
    *,
    semantic_stride: int,
    affinity_stride: int,
    group: Sequence[Any] | int = 0,
    num_threads: int = 0,
) -> list[Instances]:
    """Merges the pixel graphs of several images or regions, from the logits of the networks.

    It is to `graph_merge_from_logits` what `graph_merge_batch` is to `graph_merge`.

    Args:
      semantic: As in `graph_merge_from_logits`, of each image.
      affinity: Likewise.
      mask: Likewise.
      options: The options of the merge, for all images.
      semantic_stride: As in `graph_merge_from_logits`, of all images.
      affinity_stride: Likewise.
      group: As in `graph_merge`, of each image, or one for all.
      num_threads: As in `graph_merge`, for all together.

    Returns:
      The instances of each image.

    Raises:
      As `graph_merge_batch`.
    """
    strides = {"semantic_stride": semantic_stride, "affinity_stride": affinity_stride}
    found = _run(semantic, affinity, options, mask, group, num_threads, strides)
    return [_instances(outputs) for outputs in found]


def merge_edges(
    semantic: Sequence[Any],
    affinity: Sequence[Any],
    options: MergeOptions = MergeOptions(),
    *,
    mask: Sequence[Any] | None = None,
    group: Sequence[Any] | int = 0,
    num_threads: int = 0,
    strides: tuple[int, int] | None = None,
) -> list[Any]:
    """Returns the graphs that `graph_merge_batch` or `graph_merge_from_logits_batch` merges.

    Args:
      semantic: As in `graph_merge_batch`; with `strides`, as in `graph_merge_from_logits_batch`.
      affinity: Likewise.
      options: Likewise.
      mask: Likewise.
      group: Likewise.
      num_threads: Likewise.
      strides: Pixels per logit of `semantic` and of `affinity`; None: both are probabilities.

    Returns:
      For each image int32 [ceil(H / merge_window), ceil(W / merge_window), 4 * M]: the edges of the
      M merged distances, ascending, each in the directions (0, 1), (1, -1), (1, 0), (1, 1), in
      units of 1/65535, after the refinement; -1 where there is no edge.

    Raises:
      As `graph_merge_batch`.
    """
    if strides is not None:
        strides = {"semantic_stride": strides[0], "affinity_stride": strides[1]}
    found = _run(semantic, affinity, options, mask, group, num_threads, strides, output_edges=True)
    return [outputs.edges for outputs in found]


def _instances(outputs: Any) -> Instances:
    return Instances(
        outputs.instance_ids,
        outputs.classes,
        outputs.scores,
        outputs.sizes,
        outputs.boxes,
        outputs.votes,
    )


def _run(
    semantic: Any,
    affinity: Any,
    options: MergeOptions,
    mask: Any,
    group: Any,
    num_threads: int,
    strides: dict[str, int] | None = None,
    output_edges: bool = False,
) -> list[Any]:
    """Calls one of the ops on a list of images.

    Args:
      strides: The attributes of GraphMergeFromLogits; None: the op is GraphMerge.
      output_edges: Whether the op returns the edges.

    Returns:
      A tuple of the op's outputs, with their names, for each image.
    """
    import tensorflow as tf  # Late: it takes seconds and most of the package does without.

    arguments.check_class("options", options, MergeOptions)
    inputs = arguments.image_lists(semantic, affinity, mask, group)
    size = len(inputs["affinity"])
    if not size:
        return []
    for name in ("affinity", "semantic", "group") if strides is None else inputs:
        for value in inputs[name]:
            arguments.check_given(**{name: value})
    for name in ("semantic", "affinity"):
        inputs[name] = [tf.convert_to_tensor(value) for value in inputs[name]]
    _check_dtypes(inputs)
    shape = inputs["semantic"][0].shape
    rank = 3 if strides is None else 4
    num_classes = arguments.num_classes(shape.as_list() if shape.rank is not None else None, rank)
    options = options.for_classes(num_classes)
    pairs = zip(inputs["mask"], inputs["affinity"], strict=True)
    inputs["mask"] = [_mask_tensor(mask, affinity) for mask, affinity in pairs]
    inputs["group"] = [_group_tensor(value, options.groups) for value in inputs["group"]]
    library = load_library()
    call = library.graph_merge if strides is None else library.graph_merge_from_logits
    outputs = call(
        **inputs,
        **vars(options),
        **{name: arguments.checked_stride(name, value) for name, value in (strides or {}).items()},
        output_edges=output_edges,
        num_threads=arguments.checked_num_threads(num_threads),
    )
    return [type(outputs)._make(values) for values in zip(*outputs, strict=True)]


def _check_dtypes(inputs):
    import tensorflow as tf

    dtype = inputs["affinity"][0].dtype
    for name in ("affinity", "semantic"):
        for value in inputs[name]:
            if value.dtype not in (tf.float32, tf.float16, tf.bfloat16) or value.dtype != dtype:
                raise TypeError(
                    "`semantic` and `affinity` must all be float32, float16 or bfloat16: "
                    f"`{name}` is {value.dtype.name}"
                )


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
